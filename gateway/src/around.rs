//! What stands around every HTTP request, known path or not: an id, a span, a time budget for the calls it makes, a net
//! for panics, figures, and the headers that every answer has. Owns no route.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::Request,
    response::{IntoResponse as _, Response},
    routing::Route,
};
use chatroom_kit::{
    error::INTERNAL,
    link::{CallContext, REQUEST_ID},
    telemetry,
};
use futures::FutureExt as _;
use http::{HeaderValue, StatusCode, header};
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field, info_span};

use crate::{
    address::{ClientAddress, Peer},
    error::{Refusal, Refused},
    figures::{Figures, Timed},
    state::App,
    waiting,
};

/// Puts everything around the routes.
#[derive(Clone)]
pub(crate) struct AroundLayer {
    app: App,
    budget: Duration,
    figures: Figures,
}

impl AroundLayer {
    /// `budget` is how long a request may wait for the services.
    pub(crate) fn new(app: App, budget: Duration) -> Self {
        Self { app, budget, figures: Figures::new() }
    }
}

impl Layer<Route> for AroundLayer {
    type Service = Around;

    fn layer(&self, inner: Route) -> Around {
        Around { inner, app: self.app.clone(), budget: self.budget, figures: self.figures.clone() }
    }
}

/// A route with everything around it.
#[derive(Clone)]
pub(crate) struct Around {
    inner: Route,
    app: App,
    budget: Duration,
    figures: Figures,
}

impl Service<Request> for Around {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let id = request_id();
        let timed = self.figures.begin(&request);
        let span = self.span(&request, &timed, &id);
        let context = CallContext::new(Some(self.budget), Some(id.clone()));
        let address = ClientAddress::of(&self.app, request.extensions(), request.headers());
        let handler = waiting::on_behalf_of(address.subscriber(), caught(self.inner.call(request)));
        Box::pin(
            async move {
                let response = with_headers(context.scope(handler).await, id);
                report(&response);
                timed.end(response.status());
                Ok(response)
            }
            .instrument(span),
        )
    }
}

impl Around {
    /// The request's span: below the client's only where a trusted proxy passes it on, since anybody could claim to be
    /// part of any trace.
    fn span(&self, request: &Request, timed: &Timed, id: &HeaderValue) -> Span {
        let (method, route) = (timed.method, timed.route());
        let span = info_span!(
            "http",
            otel.name = field::Empty,
            otel.kind = "server",
            http.method = method,
            http.route = route,
            request.id = id.to_str().unwrap_or_default(),
        );
        if telemetry::exporting() {
            span.record("otel.name", format!("{method} {route}"));
            if self.app.trusted_proxies.contain(Peer::of(request.extensions())) {
                telemetry::adopt(&span, request.headers());
            }
        }
        span
    }
}

fn with_headers(mut response: Response, id: HeaderValue) -> Response {
    response.headers_mut().insert(REQUEST_ID, id);
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// A new id. A client's own is not taken: it could carry anything into the log.
pub(crate) fn request_id() -> HeaderValue {
    // 32 hex digits are a header's value.
    HeaderValue::try_from(format!("{:032x}", rand::random::<u128>())).unwrap_or(HeaderValue::from_static("none"))
}

/// The handler's answer, or INTERNAL where it panicked.
async fn caught(handler: impl Future<Output = Result<Response, Infallible>>) -> Response {
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(response)) => response,
        Err(panic) => {
            tracing::error!(panic = panic_message(&*panic), "handler panicked");
            Refusal::new(INTERNAL).into_response()
        }
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn report(response: &Response) {
    let status = response.status();
    let refused = response.extensions().get::<Refused>();
    let reason = refused.map(|refused| refused.reason);
    let code = status.as_u16();
    if status == StatusCode::INTERNAL_SERVER_ERROR {
        tracing::error!(code, reason, "request failed");
    } else if status.is_server_error() && !refused.is_some_and(|refused| refused.counted) {
        tracing::warn!(code, reason, "request not served");
    } else {
        // A line for each that is counted would be more to do where there is too much.
        tracing::debug!(code, reason, "request answered");
    }
}
