//! One request and what comes of it, told apart as the promises do: served, refused as documented, or neither.

use std::time::{Duration, Instant};

use chatroom_tests::client::{self, try_send};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

/// How long an answer is waited for: longer than the product promises, so that a late one shows as late.
const PATIENCE: Duration = Duration::from_secs(15);

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// When it was sent.
    pub(crate) begun: Instant,
    /// How long it took.
    pub(crate) took: Duration,
    /// The status, its reason and what is wrong with it; the error where there is none.
    pub(crate) outcome: Result<Answered, String>,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    /// Its HTTP status.
    pub(crate) status: StatusCode,
    /// The envelope's `reason`, where the answer is one.
    pub(crate) reason: Option<String>,
    /// The envelope's `data`.
    pub(crate) data: Value,
}

/// Sends a request and waits for the whole answer.
pub(crate) async fn ask(request: RequestBuilder) -> Asked {
    let begun = Instant::now();
    let answer = try_send(request.timeout(PATIENCE)).await;
    let outcome = match answer {
        Ok(answer) => Ok(Answered::read(&answer)),
        Err(error) if error.is_timeout() => Err("no answer in time".to_owned()),
        Err(error) => Err(format!("{:#}", anyhow::Error::from(error))),
    };
    Asked { begun, took: begun.elapsed(), outcome }
}

impl Answered {
    fn read(answer: &client::Answer) -> Self {
        let mut body = serde_json::from_str::<Value>(&answer.text).unwrap_or_default();
        let envelope = body["code"] == answer.status.as_u16();
        let reason = body["reason"].as_str().filter(|_| envelope).map(str::to_owned);
        Self { status: answer.status, reason, data: body["data"].take() }
    }
}

impl Asked {
    /// Whether it was done.
    pub(crate) fn served(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|answer| answer.status.is_success())
    }

    /// Whether it was refused as the product refuses while something is away: JSON with 503 or 504.
    pub(crate) fn refused_for_now(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|answer| {
            let away = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT].contains(&answer.status);
            away && answer.reason.is_some()
        })
    }

    /// Whether no server has answered at all.
    pub(crate) fn broken(&self) -> bool {
        self.outcome.is_err()
    }

    /// What came of it, for people.
    pub(crate) fn said(&self) -> String {
        let took = self.took.as_millis();
        match &self.outcome {
            Ok(answer) => format!("{} {} after {took} ms", answer.status, answer.reason.as_deref().unwrap_or("-")),
            Err(error) => format!("{error} after {took} ms"),
        }
    }
}
