//! What was done to pages, and who issued activation codes.

use axum::{extract::State, response::Response};
use chatroom_proto::merchant::v1::{ListPageDeedsRequest, PageDeed as ProtoDeed, PageDeedKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Audit, OfPage, Part, answer};
use crate::{
    auth::SignedIn,
    chat::people::{People, Person},
    envelope::{Envelope, ErrorEnvelope},
    error::Refusal,
    openapi::{NotServed, NotSignedIn, WrongQuery},
    query::Query,
    state::App,
    value::{Id, Time},
};

/// What was done to a page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum PageDeedName {
    Opened,
    Updated,
    Transferred,
    Closed,
    ServingSet,
    CodesIssued,
}

impl PageDeedName {
    fn of(kind: PageDeedKind) -> Option<Self> {
        match kind {
            PageDeedKind::Opened => Some(Self::Opened),
            PageDeedKind::Updated => Some(Self::Updated),
            PageDeedKind::Transferred => Some(Self::Transferred),
            PageDeedKind::Closed => Some(Self::Closed),
            PageDeedKind::ServingSet => Some(Self::ServingSet),
            PageDeedKind::CodesIssued => Some(Self::CodesIssued),
            PageDeedKind::Unspecified => None,
        }
    }
}

/// Something that was done to a page, or codes that were issued.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PageDeed<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    kind: PageDeedName,
    /// Who did it.
    by: Person<'a>,
    /// The page's id; null where codes were issued.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    merchant: Option<&'a str>,
    /// Whom it concerns beside whoever did it: the customer-service user, the new creator; null where there is nobody.
    user: Option<Person<'a>>,
    /// More about it: which of name, icon and customer were changed; accepted or declined; how many codes.
    #[schema(example = "name icon")]
    detail: &'a str,
    created_at: Time,
}

impl<'a> PageDeed<'a> {
    /// None where it is of no kind, which the service never lets happen.
    fn of(deed: &'a ProtoDeed, people: &'a People) -> Option<Self> {
        Some(Self {
            id: Id(&deed.id),
            kind: PageDeedName::of(deed.kind())?,
            by: people.person(&deed.by),
            merchant: (!deed.merchant.is_empty()).then_some(&deed.merchant),
            user: (!deed.user.is_empty()).then(|| people.person(&deed.user)),
            detail: &deed.detail,
            created_at: deed.create_time.into(),
        })
    }
}

/// List what was done to pages, and who issued activation codes, latest first; administrators only
#[utoipa::path(
    get, path = "/h5/admin/audit/page", tag = "admin", operation_id = "listPageDeeds",
    params(OfPage, Part),
    responses(
        (status = 200, description = "What was done", body = Envelope<Audit<'static, PageDeed<'static>>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(in crate::routes::admin) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(OfPage { merchant }): Query<OfPage>,
    Query(part): Query<Part>,
) -> Result<Response, Refusal> {
    let (page_size, page_token) = part.read()?;
    let request = ListPageDeedsRequest { merchant: merchant.unwrap_or_default(), page_size, page_token };
    let listed = app.page().list_page_deeds(caller.request(request)).await?.into_inner();
    let ids = listed.deeds.iter().flat_map(|deed| [deed.by.as_str(), &deed.user]).filter(|id| !id.is_empty());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    answer(&listed.deeds, &listed.next_page_token, |deed| PageDeed::of(deed, &people))
}
