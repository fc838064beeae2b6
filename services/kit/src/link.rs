//! One client type for a service that is near (in this process) or far (over the network). Generated clients are
//! built on it and cannot tell. Owns the call's deadline and what travels with it; who the caller is travels in the
//! request, by [`crate::auth::Caller::request`].

use std::{
    convert::Infallible,
    pin::Pin,
    str::FromStr as _,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::time::Instant;
use tonic::{
    Code, Status,
    body::Body,
    service::Routes,
    transport::{Channel, Endpoint},
};
use tower::{Service, ServiceExt as _};

use crate::{
    error::{DEADLINE_EXCEEDED, UPSTREAM_UNAVAILABLE, status},
    telemetry,
};

/// How long connecting may take: `Endpoint::timeout` does not cover it, and an address that swallows packets would
/// hold a call for the operating system's two minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// What each hop keeps for itself, so that it still has time to say that the next one was late.
const HOP_MARGIN: Duration = Duration::from_millis(20);
/// The most a message may take, in either direction; files travel in chunks far smaller.
pub const MESSAGE_MAX: usize = 4 << 20;

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// The header that carries a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CONTEXT: CallContext;
}

/// What a request passes on to every call made on its behalf.
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    deadline: Option<Instant>,
    request_id: Option<HeaderValue>,
}

impl CallContext {
    /// The context of a request that must be answered within `budget`, or may take any time.
    pub fn new(budget: Option<Duration>, request_id: Option<HeaderValue>) -> Self {
        Self { deadline: budget.map(|budget| Instant::now() + budget), request_id }
    }

    /// The context that a caller sent along.
    pub(crate) fn received(headers: &HeaderMap) -> Self {
        let budget = headers.get(GRPC_TIMEOUT).and_then(|value| parse_timeout(value.to_str().ok()?));
        Self::new(budget.map(|budget| budget.saturating_sub(HOP_MARGIN)), headers.get(REQUEST_ID).cloned())
    }

    /// Runs `future` in this context: every [`Link`] called inside it obeys.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CONTEXT.scope(self, future).await
    }

    /// The context around the present call.
    pub(crate) fn current() -> Option<Self> {
        CONTEXT.try_with(Clone::clone).ok()
    }

    /// The request's id.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_ref()?.to_str().ok()
    }

    /// Runs a call until the deadline. One whose time is over is not begun.
    pub(crate) async fn bound<F>(&self, call: F) -> Response<Body>
    where
        F: Future<Output = Response<Body>>,
    {
        let Some(deadline) = self.deadline else {
            return call.await;
        };
        if deadline <= Instant::now() {
            return late();
        }
        tokio::time::timeout_at(deadline, call).await.unwrap_or_else(|_| late())
    }

    fn write(&self, headers: &mut HeaderMap) {
        if let Some(deadline) = self.deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if let Ok(value) = HeaderValue::from_str(&format!("{}m", left.as_millis().max(1))) {
                headers.insert(GRPC_TIMEOUT, value);
            }
        }
        if let Some(request_id) = &self.request_id {
            headers.insert(REQUEST_ID, request_id.clone());
        }
    }
}

fn late() -> Response<Body> {
    status(Code::DeadlineExceeded, DEADLINE_EXCEEDED, "the call's time ran out").into_http()
}

/// Reads a gRPC timeout: up to eight digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > 8 {
        return None;
    }
    let amount = u64::from_str(digits).ok()?;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A way to a service.
#[derive(Clone, Debug)]
pub enum Link {
    /// In this process: about 5 µs a call.
    Local(Routes),
    /// Over the network: about 190 µs a call over loopback.
    Remote(Channel),
}

impl Link {
    /// A way to the service at `url`. The connection is made when it is first needed, and made again when it broke.
    pub fn connect(url: &http::Uri) -> Self {
        let endpoint = Endpoint::from(url.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        Self::Remote(endpoint.connect_lazy())
    }
}

impl Service<Request<Body>> for Link {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    /// Always ready: the wait for a connection belongs to the call, so that the deadline covers it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        match self {
            // The context is around a local call already, and the routes obey it.
            Self::Local(routes) => Box::pin(routes.clone().oneshot(request)),
            Self::Remote(channel) => {
                let channel = channel.clone();
                let context = CallContext::current().unwrap_or_default();
                context.write(request.headers_mut());
                telemetry::inject(request.headers_mut());
                Box::pin(async move { Ok(context.bound(call_remote(channel, request)).await) })
            }
        }
    }
}

async fn call_remote(channel: Channel, request: Request<Body>) -> Response<Body> {
    channel.oneshot(request).await.unwrap_or_else(|error| {
        tracing::warn!(error = &error as &dyn std::error::Error, "call failed");
        unavailable().into_http()
    })
}

fn unavailable() -> Status {
    status(Code::Unavailable, UPSTREAM_UNAVAILABLE, "the service does not answer")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_timeouts_are_read() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("2S"), Some(Duration::from_secs(2)));
        for text in ["", "m", "-1m", "123456789m", "5x", "五m", "m五"] {
            assert_eq!(parse_timeout(text), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_call_whose_time_is_over_is_not_begun() {
        let context = CallContext::new(Some(Duration::ZERO), None);
        let answer = context.bound(async { unreachable!("begun") }).await;
        assert_eq!(answer.headers()["grpc-status"], "4");
    }
}
