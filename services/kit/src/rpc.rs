//! What stands around every RPC, near or far: the caller's deadline, a trace span, figures, and a net for panics. It
//! stands on the routes themselves, since a layer on the server would never see a local call. Owns no RPC.

use std::{
    any::Any,
    convert::Infallible,
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use axum::routing::Route;
use futures::FutureExt as _;
use http::{Request, Response};
use tonic::{Code, body::Body, service::Routes};
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::{
    db::Pulse,
    error::{DATABASE_UNAVAILABLE, INTERNAL, status},
    link::CallContext,
    telemetry::{self, RpcFigures},
};

/// The routes of a service with everything around them that a call needs. Where the service has a database server, calls
/// end once that has fallen silent.
pub fn surround(routes: Routes, database: Option<Pulse>) -> Routes {
    let layer = AroundLayer { figures: RpcFigures::new(), database };
    Routes::from(routes.into_axum_router().layer(layer))
}

#[derive(Clone)]
struct AroundLayer {
    figures: RpcFigures,
    database: Option<Pulse>,
}

impl Layer<Route> for AroundLayer {
    type Service = Around;

    fn layer(&self, inner: Route) -> Around {
        Around { inner, figures: self.figures.clone(), database: self.database.clone() }
    }
}

#[derive(Clone)]
struct Around {
    inner: Route,
    figures: RpcFigures,
    database: Option<Pulse>,
}

impl Service<Request<axum::body::Body>> for Around {
    type Response = Response<axum::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<axum::body::Body>>::poll_ready(&mut self.inner, context)
    }

    fn call(&mut self, request: Request<axum::body::Body>) -> Self::Future {
        let local = CallContext::current();
        let context = local.clone().unwrap_or_else(|| CallContext::received(request.headers()));
        let span = telemetry::rpc_span(&request, local.is_none(), context.request_id());
        let call = self.figures.begin(request.uri().path());
        let handler = answered(self.database.clone(), caught(self.inner.call(request)));
        Box::pin(
            async move {
                let begun = Instant::now();
                let response = context.clone().scope(async { context.bound(handler).await }).await;
                call.end(begun.elapsed(), response.headers());
                Ok(response.map(axum::body::Body::new))
            }
            .instrument(span),
        )
    }
}

/// The handler's answer, unless the database has fallen silent before there is one.
async fn answered(database: Option<Pulse>, handler: impl Future<Output = Response<Body>>) -> Response<Body> {
    let Some(database) = database else {
        return handler.await;
    };
    tokio::select! {
        biased;
        answer = handler => answer,
        () = database.ended() => {
            tracing::warn!("database silent");
            status(Code::Unavailable, DATABASE_UNAVAILABLE, "the database does not answer").into_http()
        }
    }
}

/// The handler's answer, or INTERNAL where it panicked: a panic in a local call would unwind into the caller.
async fn caught<F>(handler: F) -> Response<Body>
where
    F: Future<Output = Result<Response<axum::body::Body>, Infallible>>,
{
    match AssertUnwindSafe(handler).catch_unwind().await {
        Ok(Ok(response)) => response.map(Body::new),
        Err(panic) => {
            tracing::error!(panic = panic_message(&*panic), "handler panicked");
            status(Code::Internal, INTERNAL, "internal error").into_http()
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
