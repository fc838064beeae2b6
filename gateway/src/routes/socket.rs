//! The WebSocket: `GET /h5/ws`. What is said on it stands in `PROTOCOL.md`.

use axum::{
    extract::{Request, State},
    response::Response,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{envelope::ErrorEnvelope, error::Refusal, openapi::NotSignedIn, realtime, state::App};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(open))
}

/// Open the WebSocket on which groups are heard; PROTOCOL.md says what is spoken on it
///
/// The token comes in the first frame, or as a subprotocol `token.<JWT>` beside `chatroom.v1`; never in the address.
#[utoipa::path(
    get, path = "/h5/ws", tag = "message", operation_id = "openSocket",
    responses(
        (status = 101, description = "The connection is a WebSocket from here on"),
        (status = 403, description = "`ORIGIN_NOT_ALLOWED`: a page of another origin asks", body = ErrorEnvelope<'static>),
        (status = 426, description = "`UPGRADE_REQUIRED`: it is no request for a WebSocket of version 13",
         body = ErrorEnvelope<'static>),
        (status = 503, description = "`DRAINING`: the process is about to end", body = ErrorEnvelope<'static>,
         headers(("Retry-After" = u64, description = "Seconds to wait"))),
        NotSignedIn
    )
)]
async fn open(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    realtime::open(&app, request)
}
