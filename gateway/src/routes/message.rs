//! What is said in groups, from the speaker's side: `POST /h5/message*`.

mod history;

use axum::{extract::State, response::Response};
use chatroom_kit::auth::Caller;
use chatroom_proto::message::v1::{Message as ProtoMessage, RecallMessageRequest};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    body::Json,
    chat::{
        message::{self, Message},
        reading::{self, ReadCursor, ReadUpTo},
        sending::{self, Correction, Outgoing},
    },
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(send, history::list))
        .routes(routes!(history::sync))
        .routes(routes!(history::search))
        .routes(routes!(read))
        .routes(routes!(recall))
        .routes(routes!(edit))
}

/// Answers a message with the people it shows.
async fn shown(app: &App, caller: &Caller, message: &ProtoMessage) -> Response {
    let people = app.directory.people(message::people(message), |message| caller.request(message)).await;
    envelope::success(Message::of(message, &people))
}

/// Send a message; the same `clientId` again answers the first one
#[utoipa::path(
    post, path = "/h5/message", tag = "message", operation_id = "sendMessage",
    request_body = Outgoing,
    responses(
        (status = 200, description = "The message, stored for good", body = Envelope<Message<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `MUTED`, `GROUP_MUTED`, or `ROLE_TOO_LOW` to mention all",
         body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`; `MESSAGE_NOT_FOUND` for `replyTo`; `MEMBER_NOT_FOUND` for \
                                      `mentions`; `FILE_NOT_FOUND` for `path`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn send(caller: Writer, State(app): State<App>, Json(outgoing): Json<Outgoing>) -> Result<Response, Refusal> {
    let message = filled(sending::send(&app, &caller, outgoing).await?.message)?;
    Ok(shown(&app, &caller, &message).await)
}

/// Say how far one has read
#[utoipa::path(
    post, path = "/h5/message/read", tag = "message", operation_id = "markRead",
    request_body = ReadUpTo,
    responses(
        (status = 200, description = "Where the cursor stands now", body = Envelope<ReadCursor>),
        (status = 403, description = "`NOT_GROUP_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn read(caller: Writer, State(app): State<App>, Json(read): Json<ReadUpTo>) -> Result<Response, Refusal> {
    Ok(envelope::success(reading::mark_read(&app, &caller, read).await?))
}

/// Which message to take back.
#[derive(Deserialize, ToSchema)]
struct Recall {
    /// The message's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e3142a9054f1bdf19707d2")]
    message: String,
}

/// Take a message back: its sender within 2 minutes, owner and admins at any time
#[utoipa::path(
    post, path = "/h5/message/recall", tag = "message", operation_id = "recallMessage",
    request_body = Recall,
    responses(
        (status = 200, description = "The message, which says nothing any more", body = Envelope<Message<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MESSAGE_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`TOO_LATE`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn recall(
    caller: Writer,
    State(app): State<App>,
    Json(Recall { message }): Json<Recall>,
) -> Result<Response, Refusal> {
    let request = caller.request(RecallMessageRequest { message });
    let message = filled(app.message().recall_message(request).await?.into_inner().message)?;
    Ok(shown(&app, &caller, &message).await)
}

/// Give a text other words: its sender, within 15 minutes
#[utoipa::path(
    post, path = "/h5/message/edit", tag = "message", operation_id = "editMessage",
    request_body = Correction,
    responses(
        (status = 200, description = "The message as it is now", body = Envelope<Message<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`, `MUTED`, `GROUP_MUTED`",
         body = ErrorEnvelope<'static>),
        (status = 404, description = "`MESSAGE_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`TOO_LATE`, `MESSAGE_RECALLED`, `GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn edit(caller: Writer, State(app): State<App>, Json(correction): Json<Correction>) -> Result<Response, Refusal> {
    let message = sending::edit(&app, &caller, correction).await?;
    Ok(shown(&app, &caller, &message).await)
}
