//! For how long what is said in a page's groups is kept: `/h5/merchant/retention`.

use axum::{extract::State, response::Response};
use chatroom_proto::record::v1::{GetRetentionRequest, SetRetentionRequest};
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

/// For how long what is said is to be kept.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewRetention {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// For how many days, 1 to 3,650; null or nothing for ever.
    #[schema(minimum = 1, maximum = 3650, example = 365)]
    days: Option<i32>,
}

/// For how long what is said is kept.
#[derive(Serialize, ToSchema)]
pub(super) struct Retention {
    /// For how many days; null for ever.
    #[schema(minimum = 1, maximum = 3650, example = 365)]
    days: Option<i32>,
}

/// Say for how many days messages and their files are kept; what is older is gone within minutes, for good
#[utoipa::path(
    post, path = "/h5/merchant/retention", tag = "merchant", operation_id = "setRetention",
    request_body = NewRetention,
    responses(
        (status = 200, description = "For how long they are kept now", body = Envelope<Retention>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn set(
    caller: Writer,
    State(app): State<App>,
    Json(NewRetention { merchant, days }): Json<NewRetention>,
) -> Result<Response, Refusal> {
    app.record().set_retention(caller.request(SetRetentionRequest { merchant, days })).await?;
    Ok(envelope::success(Retention { days }))
}

/// Get for how many days messages and their files are kept
#[utoipa::path(
    get, path = "/h5/merchant/retention", tag = "merchant", operation_id = "getRetention",
    params(WhichPage),
    responses(
        (status = 200, description = "For how long they are kept", body = Envelope<Retention>),
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
    let answer = app.record().get_retention(caller.request(GetRetentionRequest { merchant })).await?;
    Ok(envelope::success(Retention { days: answer.into_inner().days }))
}
