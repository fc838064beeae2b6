//! The envelope `{data, msg, code}` of every JSON answer: the only place that builds one. Owns no sentence.

use axum::{body::Body, response::Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// What most successes say.
const SUCCESS: &str = "success";
/// About the size of the usual answer: one allocation serves it.
const USUAL_SIZE: usize = 512;

/// A success.
#[derive(Serialize, ToSchema)]
pub(crate) struct Envelope<T> {
    /// What was asked for.
    data: T,
    /// A word or sentence for the user.
    #[schema(example = "success")]
    msg: &'static str,
    /// The HTTP status.
    #[schema(example = 200)]
    code: u16,
}

/// A success that has nothing to tell.
#[derive(Serialize, ToSchema)]
pub(crate) struct EmptyEnvelope {
    /// Nothing.
    #[schema(value_type = ())]
    data: (),
    /// A word or sentence for the user.
    #[schema(example = "success")]
    msg: &'static str,
    /// The HTTP status.
    #[schema(example = 200)]
    code: u16,
}

/// A refusal.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorEnvelope<'a> {
    /// Nothing.
    #[schema(value_type = ())]
    data: (),
    /// A Chinese sentence that a user can read.
    #[schema(example = "商页不存在")]
    msg: &'a str,
    /// The HTTP status.
    #[schema(example = 404)]
    code: u16,
    /// What is wrong, for programs.
    #[schema(example = "MERCHANT_NOT_FOUND", pattern = "^[A-Z_]+$")]
    reason: &'static str,
}

/// The answer to what has been done.
pub(crate) fn success(data: impl Serialize) -> Response {
    success_saying(SUCCESS, data)
}

/// The answer to what has been done, in words of its own.
pub(crate) fn success_saying(msg: &'static str, data: impl Serialize) -> Response {
    answer(StatusCode::OK, json(&Envelope { data, msg, code: StatusCode::OK.as_u16() }))
}

/// The answer to what has been done, where there is nothing to tell.
pub(crate) fn done() -> Response {
    answer(StatusCode::OK, json(&EmptyEnvelope { data: (), msg: SUCCESS, code: StatusCode::OK.as_u16() }))
}

/// What has not been done, as the body of an answer.
pub(crate) fn refusal(status: StatusCode, msg: &str, reason: &'static str) -> Vec<u8> {
    json(&ErrorEnvelope { data: (), msg, code: status.as_u16(), reason })
}

/// An answer whose body is JSON. Most are for one caller only, whom no cache can tell by our header `token`.
pub(crate) fn answer(status: StatusCode, json: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn json(envelope: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(USUAL_SIZE);
    if let Err(error) = serde_json::to_writer(&mut json, envelope) {
        // No answer of ours has a map with odd keys, and memory does not fail: this is a fault in the code.
        tracing::error!(%error, "an answer cannot be written");
    }
    json
}
