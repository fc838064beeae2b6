//! A page's customer service (客服): `/h5/merchant/contact` and `/h5/merchant/serve`.

use axum::{extract::State, response::Response};
use chatroom_proto::{merchant::v1::SetServingRequest, message::v1::OpenContactRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Page;
use crate::{
    body::Json,
    chat::conversation::{self, Conversation},
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
};

/// Whose customer service is wanted.
#[derive(Deserialize, ToSchema)]
pub(super) struct Contact {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
}

/// Open, or find, the caller's private conversation with a page's customer service
#[utoipa::path(
    post, path = "/h5/merchant/contact", tag = "merchant", operation_id = "contactMerchant",
    request_body = Contact,
    responses(
        (status = 200, description = "The conversation", body = Envelope<Conversation<'static>>),
        (status = 403, description = "`NOT_PAGE_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`CONTACT_SELF`, `CUSTOMER_NOT_SERVING`, `MERCHANT_CLOSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn contact(
    caller: Writer,
    State(app): State<App>,
    Json(Contact { merchant }): Json<Contact>,
) -> Result<Response, Refusal> {
    let request = caller.request(OpenContactRequest { merchant });
    let conversation = filled(app.message().open_contact(request).await?.into_inner().conversation)?;
    let people = app.directory.people(conversation::people(&conversation), |message| caller.request(message)).await;
    Ok(envelope::success(filled(Conversation::of(&conversation, &people))?))
}

/// Whether the caller serves a page's customers.
#[derive(Deserialize, ToSchema)]
pub(super) struct Serve {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// Whether the page's members may contact the caller.
    #[schema(example = true)]
    accept: bool,
}

/// A page and whether its customers are served.
#[derive(Serialize, ToSchema)]
pub(super) struct ServedPage<'a> {
    #[serde(flatten)]
    page: Page<'a>,
    /// Whether its members may contact its customer service.
    serving: bool,
}

/// Agree to be contacted by a page's members, or no longer; its customer-service user only
#[utoipa::path(
    post, path = "/h5/merchant/serve", tag = "merchant", operation_id = "serveMerchant",
    request_body = Serve,
    responses(
        (status = 200, description = "The page", body = Envelope<ServedPage<'static>>),
        (status = 403, description = "`NOT_CUSTOMER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`MERCHANT_CLOSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn serve(
    caller: Writer,
    State(app): State<App>,
    Json(Serve { merchant, accept }): Json<Serve>,
) -> Result<Response, Refusal> {
    let request = caller.request(SetServingRequest { merchant, serving: accept });
    let merchant = filled(app.merchant().set_serving(request).await?.into_inner().merchant)?;
    Ok(envelope::success(ServedPage { page: Page::from(&merchant), serving: merchant.serving }))
}
