//! Merchant pages (商页): `/h5/merchant*`.

mod life;
mod retention;
mod service;
mod webhook;
mod words;

use axum::{extract::State, response::Response};
use chatroom_kit::{auth::Caller, link::repeatable};
use chatroom_proto::merchant::v1::{
    CreateMerchantRequest, IssueActivationCodesRequest, JoinMerchantRequest, ListMembershipsRequest, Membership,
    Merchant,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    idempotency::IdempotencyKey,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::{Query, after, limit},
    state::App,
    value::{Id, Time, moment},
};

/// How many memberships an answer has where the client does not say, and at most where it does.
const MEMBERSHIPS: (i32, i32) = (1000, 200);
/// How many are asked for in one call: so many are always smaller than a message may be.
const PAGE_MAX: i32 = 400;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, join))
        .routes(routes!(create))
        .routes(routes!(issue_codes))
        .routes(routes!(life::update))
        .routes(routes!(life::transfer))
        .routes(routes!(life::close))
        .routes(routes!(life::leave))
        .routes(routes!(life::members))
        .routes(routes!(service::contact))
        .routes(routes!(service::serve))
        .routes(routes!(webhook::list, webhook::create))
        .routes(routes!(webhook::delete))
        .routes(routes!(words::get, words::set))
        .routes(routes!(retention::get, retention::set))
}

/// A merchant page as its members see it.
#[derive(Serialize, ToSchema)]
pub(super) struct Page<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// Its creator.
    user: Id<'a>,
    /// The code it was opened with; empty for everyone but its creator.
    #[serde(rename = "activationCode")]
    activation_code: &'a str,
    #[schema(example = "小蓝的商页")]
    name: &'a str,
    icon: &'a str,
    /// Who serves its customers.
    customer: Id<'a>,
    /// When its creator closed it; left out while it is open. Nobody joins a closed page, and it gets no new groups.
    #[serde(rename = "closedAt", skip_serializing_if = "Option::is_none")]
    close_time: Option<Time>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> From<&'a Merchant> for Page<'a> {
    fn from(merchant: &'a Merchant) -> Self {
        Self {
            id: Id(&merchant.id),
            user: Id(&merchant.user),
            activation_code: &merchant.activation_code,
            name: &merchant.name,
            icon: &merchant.icon,
            customer: Id(&merchant.customer),
            close_time: merchant.close_time.map(Time::from),
            version: merchant.version,
            create_time: merchant.create_time.into(),
            update_time: merchant.update_time.into(),
        }
    }
}

/// A membership with its page.
#[derive(Serialize, ToSchema)]
pub(super) struct JoinedPage<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    user: Id<'a>,
    merchant: Page<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> JoinedPage<'a> {
    /// None where the page is missing, which a service never lets happen.
    pub(super) fn of(membership: &'a Membership) -> Option<Self> {
        Some(Self {
            id: Id(&membership.id),
            user: Id(&membership.user),
            merchant: membership.merchant.as_ref()?.into(),
            version: membership.version,
            create_time: membership.create_time.into(),
            update_time: membership.update_time.into(),
        })
    }
}

/// Which memberships to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Window {
    /// How many rows at most; 1,000 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `_id` of the row that the answer begins after.
    #[param(pattern = "^[0-9a-f]{24}$")]
    after: Option<String>,
}

/// List the pages that the caller has joined, oldest first
#[utoipa::path(
    get, path = "/h5/merchant", tag = "merchant", operation_id = "listMerchants",
    params(Window),
    responses(
        (status = 200, description = "One row per membership", body = Envelope<Vec<JoinedPage<'static>>>),
        (status = 404, description = "`MEMBERSHIP_NOT_FOUND`: `after` names no row of the list",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn list(caller: SignedIn, State(app): State<App>, Query(window): Query<Window>) -> Result<Response, Refusal> {
    let limit = limit(window.limit, MEMBERSHIPS.0, MEMBERSHIPS.1)?;
    let memberships = memberships(&app, &caller, limit, after(window.after)?).await?;
    let rows = filled(memberships.iter().map(JoinedPage::of).collect::<Option<Vec<_>>>())?;
    Ok(envelope::success(rows))
}

async fn memberships(app: &App, caller: &Caller, limit: i32, after: String) -> Result<Vec<Membership>, Refusal> {
    let mut client = app.merchant();
    let (mut rows, mut left, mut page_token) = (Vec::new(), limit, after);
    loop {
        let request = ListMembershipsRequest { page_size: left.min(PAGE_MAX), page_token };
        let mut page = client.list_memberships(caller.request(request)).await?.into_inner();
        left = left.saturating_sub(i32::try_from(page.memberships.len()).unwrap_or(i32::MAX));
        rows.append(&mut page.memberships);
        if left == 0 || page.next_page_token.is_empty() {
            return Ok(rows);
        }
        page_token = page.next_page_token;
    }
}

/// Which page to join.
#[derive(Deserialize, ToSchema)]
struct JoinPage {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
}

/// A membership.
#[derive(Serialize, ToSchema)]
struct Joined<'a> {
    user: Id<'a>,
    merchant: Id<'a>,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

/// Join a page; joining again answers the same record
#[utoipa::path(
    post, path = "/h5/merchant", tag = "merchant", operation_id = "joinMerchant",
    request_body = JoinPage,
    responses(
        (status = 200, description = "The membership, in an array of one", body = Envelope<Vec<Joined<'static>>>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`MERCHANT_CLOSED`; `CONTENDED`: the caller keeps leaving the page at the same time",
            body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn join(
    caller: Writer,
    State(app): State<App>,
    Json(JoinPage { merchant }): Json<JoinPage>,
) -> Result<Response, Refusal> {
    let request = caller.request(JoinMerchantRequest { merchant });
    let membership = filled(app.merchant().join_merchant(request).await?.into_inner().membership)?;
    let page = filled(membership.merchant.as_ref())?;
    Ok(envelope::success([Joined {
        user: Id(&membership.user),
        merchant: Id(&page.id),
        id: Id(&membership.id),
        version: membership.version,
        create_time: membership.create_time.into(),
        update_time: membership.update_time.into(),
    }]))
}

/// The page to open.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OpenPage {
    /// 1 to 64 characters; where codes must be issued, one of those.
    #[schema(example = "asdasad", min_length = 1, max_length = 64)]
    activation_code: String,
    /// 1 to 64 characters.
    #[schema(example = "小蓝的商页1", min_length = 1, max_length = 64)]
    name: String,
    /// An http(s) URL or a path that an upload answered, at most 2,048 characters.
    #[schema(
        example = "https://img.example/59024.jpg",
        max_length = 2048,
        pattern = "^(https?://[^ ]+|/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5})$"
    )]
    icon: String,
    /// The id of the user who serves its customers.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    customer: String,
}

/// A page as its creator sees it.
#[derive(Serialize, ToSchema)]
struct OpenedPage<'a> {
    user: Id<'a>,
    #[serde(rename = "activationCode")]
    activation_code: &'a str,
    #[schema(example = "小蓝的商页1")]
    name: &'a str,
    icon: &'a str,
    customer: Id<'a>,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> From<&'a Merchant> for OpenedPage<'a> {
    fn from(merchant: &'a Merchant) -> Self {
        let Page { id, user, activation_code, name, icon, customer, version, create_time, update_time, .. } =
            Page::from(merchant);
        Self { user, activation_code, name, icon, customer, id, version, create_time, update_time }
    }
}

/// Open a page; the caller joins it
#[utoipa::path(
    post, path = "/h5/merchant/createMerchant", tag = "merchant", operation_id = "createMerchant",
    params(IdempotencyKey),
    request_body = OpenPage,
    responses(
        (status = 200, description = "The page, in an array of one", body = Envelope<Vec<OpenedPage<'static>>>),
        (status = 403, description = "`ACTIVATION_CODE_INVALID`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`CUSTOMER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`ACTIVATION_CODE_USED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn create(
    caller: Writer,
    IdempotencyKey(request_id): IdempotencyKey,
    State(app): State<App>,
    Json(OpenPage { activation_code, name, icon, customer }): Json<OpenPage>,
) -> Result<Response, Refusal> {
    let key = request_id.clone();
    let request = caller.request(CreateMerchantRequest { activation_code, name, icon, customer, request_id });
    let answer = app.merchant().create_merchant(repeatable(request, &key)).await?.into_inner();
    let merchant = filled(answer.merchant)?;
    Ok(envelope::success([OpenedPage::from(&merchant)]))
}

/// How many codes to issue.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct IssueCodes {
    #[schema(minimum = 1, maximum = 1000, example = 10)]
    count: i32,
    /// After this moment they open nothing.
    #[schema(format = DateTime, example = "2027-01-01T00:00:00.000Z")]
    expires_at: Option<String>,
}

/// Issue activation codes, each good for one page; administrators only
#[utoipa::path(
    post, path = "/h5/merchant/activationCode", tag = "merchant", operation_id = "issueActivationCodes",
    params(IdempotencyKey),
    request_body = IssueCodes,
    responses(
        (status = 200, description = "The codes, which nobody can ever see again", body = Envelope<Vec<String>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
async fn issue_codes(
    caller: Writer,
    IdempotencyKey(request_id): IdempotencyKey,
    State(app): State<App>,
    Json(IssueCodes { count, expires_at }): Json<IssueCodes>,
) -> Result<Response, Refusal> {
    let expire_time = expires_at.map(|text| moment("expiresAt", &text)).transpose()?;
    let key = request_id.clone();
    let request = caller.request(IssueActivationCodesRequest { count, expire_time, request_id });
    let answer = app.merchant().issue_activation_codes(repeatable(request, &key)).await?.into_inner();
    Ok(envelope::success(answer.codes))
}
