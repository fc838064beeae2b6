//! What a page does not want said: `/h5/merchant/words`.

use axum::{extract::State, response::Response};
use chatroom_kit::error::{Invalid, Problem};
use chatroom_proto::conduct::v1::{GetWordsRequest, SetWordsRequest, WordMode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::webhook::WhichPage;
use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::Refusal,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::Query,
    state::App,
};

/// The most that a list of words may have, in bytes: 100,000 of them.
const SIZE_MAX: usize = 3 << 20;

/// What becomes of a message that holds an unwanted word.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Mode {
    /// Each of the word's characters becomes an asterisk.
    Mask,
    /// It is not sent.
    Refuse,
}

/// What a page does not want said.
#[derive(Deserialize, ToSchema)]
pub(super) struct Unwanted {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    #[schema(value_type = Mode)]
    mode: String,
    /// At most 100,000, and 2 MiB in all; each 1 to 64 characters.
    #[schema(example = json!(["坏词"]), max_items = 100_000)]
    words: Vec<String>,
}

/// How much a page does not want said.
#[derive(Serialize, ToSchema)]
pub(super) struct Counted {
    /// How many different words there are.
    #[schema(minimum = 0, example = 1)]
    count: i32,
}

/// Say what a page does not want said, in place of what it did not want before
#[utoipa::path(
    post, path = "/h5/merchant/words", tag = "merchant", operation_id = "setWords",
    request_body(content = Unwanted, description = "This body alone may have up to 3 MiB"),
    responses(
        (status = 200, description = "How many words there are", body = Envelope<Counted>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn set(
    caller: Writer,
    State(app): State<App>,
    Json(Unwanted { merchant, mode, words }): Json<Unwanted, SIZE_MAX>,
) -> Result<Response, Refusal> {
    let mode = match mode.as_str() {
        "mask" => WordMode::Mask,
        "refuse" => WordMode::Refuse,
        _ => return Err(Invalid::new("mode", Problem::Malformed).into()),
    };
    let request = caller.request(SetWordsRequest { merchant, mode: mode.into(), words });
    let count = app.conduct().set_words(request).await?.into_inner().count;
    Ok(envelope::success(Counted { count }))
}

/// What a page does not want said.
#[derive(Serialize, ToSchema)]
pub(super) struct Words<'a> {
    /// Null where nothing was ever said of it.
    mode: Option<Mode>,
    /// In the form in which they are compared.
    words: &'a [String],
}

/// Get what a page does not want said
#[utoipa::path(
    get, path = "/h5/merchant/words", tag = "merchant", operation_id = "getWords",
    params(WhichPage),
    responses(
        (status = 200, description = "The words", body = Envelope<Words<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn get(
    caller: SignedIn,
    State(app): State<App>,
    Query(WhichPage { merchant }): Query<WhichPage>,
) -> Result<Response, Refusal> {
    let answer = app.conduct().get_words(caller.request(GetWordsRequest { merchant })).await?.into_inner();
    let mode = match answer.mode() {
        WordMode::Mask => Some(Mode::Mask),
        WordMode::Refuse => Some(Mode::Refuse),
        WordMode::Unspecified => None,
    };
    Ok(envelope::success(Words { mode, words: &answer.words }))
}
