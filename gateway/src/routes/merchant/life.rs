//! What becomes of a page once it is open: its creator changes, hands on or closes it, and members leave.

use axum::{extract::State, response::Response};
use chatroom_proto::merchant::v1::{
    CloseMerchantRequest, LeaveMerchantRequest, ListPageMembersRequest, Membership, TransferMerchantRequest,
    UpdateMerchantRequest,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Page;
use crate::{
    auth::SignedIn,
    body::Json,
    chat::people::{People, Person},
    envelope::{self, EmptyEnvelope, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::{Query, after, limit, next},
    state::App,
    value::{Id, Time},
};

/// How many members an answer has where the client does not say, and at most.
const MEMBERS: (i32, i32) = (200, 200);

/// What is to change about a page.
#[derive(Deserialize, ToSchema)]
pub(super) struct PageUpdate {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// 1 to 64 characters; left out, it stays as it is.
    #[schema(example = "小蓝的商页", min_length = 1, max_length = 64)]
    name: Option<String>,
    /// An http(s) URL or a path that an upload answered, at most 2,048 characters; left out, it stays as it is.
    #[schema(
        example = "https://img.example/59024.jpg",
        max_length = 2048,
        pattern = "^(https?://[^ ]+|/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5})$"
    )]
    icon: Option<String>,
    /// The id of the user who is to serve its customers; left out, it stays as it is. Another user than before has to
    /// agree to be contacted (`/h5/merchant/serve`), unless it is the creator.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    customer: Option<String>,
}

/// Change a page's name, picture or customer service; its creator only
#[utoipa::path(
    post, path = "/h5/merchant/update", tag = "merchant", operation_id = "updateMerchant",
    request_body = PageUpdate,
    responses(
        (status = 200, description = "The page", body = Envelope<Page<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`, `CUSTOMER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`MERCHANT_CLOSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn update(
    caller: Writer,
    State(app): State<App>,
    Json(PageUpdate { merchant, name, icon, customer }): Json<PageUpdate>,
) -> Result<Response, Refusal> {
    let request = caller.request(UpdateMerchantRequest { merchant, name, icon, customer });
    let merchant = filled(app.page().update_merchant(request).await?.into_inner().merchant)?;
    Ok(envelope::success(Page::from(&merchant)))
}

/// Whose a page is to be.
#[derive(Deserialize, ToSchema)]
pub(super) struct PageTransfer {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// The id of one of its members.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
}

/// Make one of its members a page's creator; its creator only, who stays a member
///
/// What its creator may do, the next one may from then on. The page's groups stay with whoever opened them, and its
/// customer service is who it was.
#[utoipa::path(
    post, path = "/h5/merchant/transfer", tag = "merchant", operation_id = "transferMerchant",
    request_body = PageTransfer,
    responses(
        (status = 200, description = "The page", body = Envelope<Page<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`; `PAGE_MEMBER_NOT_FOUND`: the user has not joined the page",
         body = ErrorEnvelope<'static>),
        (status = 409, description = "`MERCHANT_CLOSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn transfer(
    caller: Writer,
    State(app): State<App>,
    Json(PageTransfer { merchant, user }): Json<PageTransfer>,
) -> Result<Response, Refusal> {
    let request = caller.request(TransferMerchantRequest { merchant, user });
    let merchant = filled(app.page().transfer_merchant(request).await?.into_inner().merchant)?;
    Ok(envelope::success(Page::from(&merchant)))
}

/// Which page.
#[derive(Deserialize, ToSchema)]
pub(super) struct WhichPage {
    /// The page's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
}

/// Close a page for good; its creator only
///
/// Nobody joins a closed page or contacts its customer service anew, it gets no new groups, and it is not changed or
/// handed on. Its members keep it in their list, which says `closedAt`, and may leave; its groups and conversations go
/// on until they are dismissed. Closing a closed page changes nothing.
#[utoipa::path(
    post, path = "/h5/merchant/close", tag = "merchant", operation_id = "closeMerchant",
    request_body = WhichPage,
    responses(
        (status = 200, description = "The page", body = Envelope<Page<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn close(
    caller: Writer,
    State(app): State<App>,
    Json(WhichPage { merchant }): Json<WhichPage>,
) -> Result<Response, Refusal> {
    let request = caller.request(CloseMerchantRequest { merchant });
    let merchant = filled(app.page().close_merchant(request).await?.into_inner().merchant)?;
    Ok(envelope::success(Page::from(&merchant)))
}

/// Leave a page; its groups that the caller is in are left one by one
#[utoipa::path(
    post, path = "/h5/merchant/leave", tag = "merchant", operation_id = "leaveMerchant",
    request_body = WhichPage,
    responses(
        (status = 200, description = "The caller is no member, whether or not they were", body = EmptyEnvelope),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`CREATOR_CANNOT_LEAVE`: the page has to be handed on first",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn leave(
    caller: Writer,
    State(app): State<App>,
    Json(WhichPage { merchant }): Json<WhichPage>,
) -> Result<Response, Refusal> {
    app.page().leave_merchant(caller.request(LeaveMerchantRequest { merchant })).await?;
    Ok(envelope::done())
}

/// Whose members to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageMembersWindow {
    /// The page's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2ee287afb0737f092ff9b")]
    merchant: String,
    /// How many members at most; 200 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of a page's members.
#[derive(Serialize, ToSchema)]
pub(super) struct PageMembers<'a> {
    members: Vec<PageMember<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    after: Option<&'a str>,
}

/// Someone who has joined a page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PageMember<'a> {
    user: Person<'a>,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    /// When they joined.
    created_at: Time,
    updated_at: Time,
}

impl<'a> PageMember<'a> {
    fn of(membership: &'a Membership, people: &'a People) -> Self {
        Self {
            user: people.person(&membership.user),
            id: Id(&membership.id),
            version: membership.version,
            created_at: membership.create_time.into(),
            updated_at: membership.update_time.into(),
        }
    }
}

/// List a page's members in the order in which they joined; its creator only
#[utoipa::path(
    get, path = "/h5/merchant/members", tag = "merchant", operation_id = "listPageMembers",
    params(PageMembersWindow),
    responses(
        (status = 200, description = "The members", body = Envelope<PageMembers<'static>>),
        (status = 403, description = "`NOT_MERCHANT_OWNER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`MERCHANT_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn members(
    caller: SignedIn,
    State(app): State<App>,
    Query(window): Query<PageMembersWindow>,
) -> Result<Response, Refusal> {
    let page_size = limit(window.limit, MEMBERS.0, MEMBERS.1)?;
    let page_token = after(window.after)?;
    let request = caller.request(ListPageMembersRequest { merchant: window.merchant, page_size, page_token });
    let answer = app.page().list_page_members(request).await?.into_inner();
    let ids = answer.memberships.iter().map(|membership| membership.user.as_str());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let members = answer.memberships.iter().map(|membership| PageMember::of(membership, &people)).collect();
    let after = next(&answer.next_page_token);
    Ok(envelope::success(PageMembers { members, after }))
}
