//! What a request passes on to every call made on its behalf: its deadline and its id.

use std::{str::FromStr as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use tokio::time::Instant;
use tonic::{Code, body::Body};

use crate::error::{DEADLINE_EXCEEDED, status};

/// What each hop keeps for itself, so that it still has time to say that the next one was late.
const HOP_MARGIN: Duration = Duration::from_millis(20);

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

    /// The present context without its deadline, for work that may take as long as it makes progress.
    pub fn unhurried() -> Self {
        Self { deadline: None, ..Self::current().unwrap_or_default() }
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

    pub(super) fn write(&self, headers: &mut HeaderMap) {
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
