//! What has been said, from the reader's side: `GET /h5/message*`.

use axum::{extract::State, response::Response};
use chatroom_kit::error::{Invalid, Problem};
use chatroom_proto::message::v1::{ListMessagesRequest, SearchMessagesRequest, list_messages_request::Page as Place};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::SignedIn,
    chat::{
        message::{self, Message},
        reading::{self, Known, Unseen},
    },
    envelope::{self, Envelope, ErrorEnvelope},
    error::Refusal,
    openapi::{NotServed, NotSignedIn, WrongQuery},
    query::{Query, limit},
    state::App,
};

/// How many messages an answer has where the client does not say, and at most.
const MESSAGES: (i32, i32) = (50, 200);

/// Which part of a group's history.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// The group's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The newest messages before this place in the sequence. Not together with `after`; without either the newest.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// The oldest messages after this place in the sequence.
    #[param(minimum = 0)]
    after: Option<i64>,
    /// How many messages at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
}

impl Window {
    fn place(&self) -> Result<Option<Place>, Invalid> {
        match (self.before, self.after) {
            (Some(_), Some(_)) => Err(Invalid::new("before", Problem::Malformed)),
            (before, after) => Ok(before.map(Place::Before).or(after.map(Place::After))),
        }
    }
}

/// A part of a group's history.
#[derive(Serialize, ToSchema)]
pub(super) struct History<'a> {
    /// In order, each as it is now.
    messages: Vec<Message<'a>>,
    /// What to ask for with `before` to go on towards the beginning; null where nothing is known to stand there.
    before: Option<i64>,
    /// What to ask for with `after` to go on towards the end; null where nothing is known to stand there.
    after: Option<i64>,
    /// Renewed only when the server's database was restored: whoever knew another one reads anew.
    #[schema(example = "64e313309054f1bdf19707c2")]
    epoch: &'a str,
}

/// Read a group's history, members only
#[utoipa::path(
    get, path = "/h5/message", tag = "message", operation_id = "listMessages",
    params(Window),
    responses(
        (status = 200, description = "The messages, in order", body = Envelope<History<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(window): Query<Window>,
) -> Result<Response, Refusal> {
    let (page, page_size) = (window.place()?, limit(window.limit, MESSAGES.0, MESSAGES.1)?);
    let request = caller.request(ListMessagesRequest { group: window.group, page, page_size });
    let answer = app.message().list_messages(request).await?.into_inner();
    let ids = answer.messages.iter().flat_map(message::people);
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    Ok(envelope::success(History {
        messages: answer.messages.iter().map(|message| Message::of(message, &people)).collect(),
        before: answer.before,
        after: answer.after,
        epoch: &answer.epoch,
    }))
}

/// Read the events that the client has not seen, members only
#[utoipa::path(
    get, path = "/h5/message/sync", tag = "message", operation_id = "syncEvents",
    params(Known),
    responses(
        (status = 200, description = "The events, in order and without a hole", body = Envelope<Unseen<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn sync(
    caller: SignedIn,
    State(app): State<App>,
    Query(known): Query<Known>,
) -> Result<Response, Refusal> {
    let answer = reading::sync(&app, &caller, known).await?;
    let people = app.directory.people(reading::people(&answer), |message| caller.request(message)).await;
    Ok(envelope::success(Unseen::of(&answer, &people)))
}

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Search {
    /// The group's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The phrase, 2 to 64 characters.
    #[param(min_length = 2, max_length = 64, example = "你好")]
    q: String,
    /// Only messages before this place in the sequence.
    #[param(minimum = 0)]
    before: Option<i64>,
    /// How many messages at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub(super) struct Found<'a> {
    /// Newest first. There may be none although the search can go on.
    messages: Vec<Message<'a>>,
    /// What to ask for with `before` to go on; null where the search has reached the beginning.
    before: Option<i64>,
}

/// Look for messages that hold a phrase, members only
#[utoipa::path(
    get, path = "/h5/message/search", tag = "message", operation_id = "searchMessages",
    params(Search),
    responses(
        (status = 200, description = "The messages that hold it, newest first", body = Envelope<Found<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn search(
    caller: SignedIn,
    State(app): State<App>,
    Query(Search { group, q, before, limit: asked }): Query<Search>,
) -> Result<Response, Refusal> {
    let page_size = limit(asked, MESSAGES.0, MESSAGES.1)?;
    let request = SearchMessagesRequest { group, query: q, before: before.unwrap_or_default(), page_size };
    let answer = app.message().search_messages(caller.request(request)).await?.into_inner();
    let ids = answer.messages.iter().flat_map(message::people);
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let messages = answer.messages.iter().map(|message| Message::of(message, &people)).collect();
    Ok(envelope::success(Found { messages, before: answer.before }))
}
