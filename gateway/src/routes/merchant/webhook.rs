//! Webhooks (回调) of a page: `/h5/merchant/webhook*`.

use axum::{extract::State, response::Response};
use chatroom_proto::webhook::v1::{
    CreateWebhookRequest, DeleteWebhookRequest, ListWebhooksRequest, Webhook as ProtoWebhook, WebhookState,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, EmptyEnvelope, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::Query,
    state::App,
    value::{Id, Time},
};

/// An address that the events of a page's groups are posted to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// The page.
    merchant: Id<'a>,
    #[schema(example = "https://shop.example/chat")]
    url: &'a str,
    state: Arriving,
    /// Since when nothing arrives; null where it does.
    failing_since: Option<Time>,
    /// Why the last events did not arrive; empty where they did.
    #[schema(example = "HTTP 500")]
    last_error: &'a str,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

/// Whether events arrive.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookState)]
enum Arriving {
    /// They do, as far as is known.
    Active,
    /// They did not, lately; they are tried again.
    Failing,
    /// They did not for days; they are not tried again until the webhook is created anew.
    Disabled,
}

impl From<WebhookState> for Arriving {
    fn from(state: WebhookState) -> Self {
        match state {
            // A service never says nothing of it.
            WebhookState::Active | WebhookState::Unspecified => Self::Active,
            WebhookState::Failing => Self::Failing,
            WebhookState::Disabled => Self::Disabled,
        }
    }
}

impl<'a> From<&'a ProtoWebhook> for Webhook<'a> {
    fn from(webhook: &'a ProtoWebhook) -> Self {
        Self {
            id: Id(&webhook.id),
            merchant: Id(&webhook.merchant),
            url: &webhook.url,
            state: webhook.state().into(),
            failing_since: webhook.failing_since.map(Time::from),
            last_error: &webhook.last_error,
            version: webhook.version,
            created_at: webhook.create_time.into(),
            updated_at: webhook.update_time.into(),
        }
    }
}

/// Where a page's events are to be posted.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewWebhook {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// An https URL of a host on the public internet, at most 2,048 characters.
    #[schema(example = "https://shop.example/chat", max_length = 2048, pattern = "^https?://")]
    url: String,
    /// What requests are signed with: 16 to 128 visible ASCII characters. Never answered.
    #[schema(example = "0123456789abcdef0123", min_length = 16, max_length = 128, pattern = "^[!-~]*$")]
    secret: String,
}

/// Have the events of a page's groups posted to an address; the same address again gets the new secret
#[utoipa::path(
    post, path = "/h5/merchant/webhook", tag = "merchant", operation_id = "createWebhook",
    request_body = NewWebhook,
    responses(
        (status = 200, description = "The webhook", body = Envelope<Webhook<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`WEBHOOK_LIMIT_REACHED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn create(
    caller: Writer,
    State(app): State<App>,
    Json(NewWebhook { merchant, url, secret }): Json<NewWebhook>,
) -> Result<Response, Refusal> {
    let request = caller.request(CreateWebhookRequest { merchant, url, secret });
    let webhook = filled(app.webhook().create_webhook(request).await?.into_inner().webhook)?;
    Ok(envelope::success(Webhook::from(&webhook)))
}

/// Which page is asked about.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichPage {
    /// The page's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    pub(super) merchant: String,
}

/// List a page's webhooks, oldest first, and whether events arrive
#[utoipa::path(
    get, path = "/h5/merchant/webhook", tag = "merchant", operation_id = "listWebhooks",
    params(WhichPage),
    responses(
        (status = 200, description = "All of the page's webhooks", body = Envelope<Vec<Webhook<'static>>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(WhichPage { merchant }): Query<WhichPage>,
) -> Result<Response, Refusal> {
    let request = caller.request(ListWebhooksRequest { merchant });
    let webhooks = app.webhook().list_webhooks(request).await?.into_inner().webhooks;
    Ok(envelope::success(webhooks.iter().map(Webhook::from).collect::<Vec<_>>()))
}

/// Which webhook to end.
#[derive(Deserialize, ToSchema)]
pub(super) struct WhichWebhook {
    /// The webhook's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e3142a9054f1bdf19707d2")]
    webhook: String,
}

/// End a webhook
#[utoipa::path(
    post, path = "/h5/merchant/webhook/delete", tag = "merchant", operation_id = "deleteWebhook",
    request_body = WhichWebhook,
    responses(
        (status = 200, description = "Nothing is posted there any more", body = EmptyEnvelope),
        (status = 404, description = "`WEBHOOK_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn delete(
    caller: Writer,
    State(app): State<App>,
    Json(WhichWebhook { webhook }): Json<WhichWebhook>,
) -> Result<Response, Refusal> {
    app.webhook().delete_webhook(caller.request(DeleteWebhookRequest { webhook })).await?;
    Ok(envelope::done())
}
