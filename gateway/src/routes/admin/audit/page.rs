//! What was done to pages, and who issued activation codes.

use axum::{extract::State, response::Response};
use chatroom_proto::merchant::v1::{ListPageDeedsRequest, PageDeed as ProtoDeed, PageDeedKind};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DEEDS, PageWindow};
use crate::{
    auth::SignedIn,
    chat::people::{People, Person},
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    openapi::{NotServed, NotSignedIn, WrongQuery},
    query::{Query, after, limit, next},
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

/// A part of what was done to pages.
#[derive(Serialize, ToSchema)]
pub(in crate::routes::admin) struct PageAudit<'a> {
    deeds: Vec<PageDeed<'a>>,
    /// What to ask for with `after` to go on; null where there is no more.
    after: Option<&'a str>,
}

/// List what was done to pages, and who issued activation codes, latest first; administrators only
#[utoipa::path(
    get, path = "/h5/admin/audit/page", tag = "admin", operation_id = "listPageDeeds",
    params(PageWindow),
    responses(
        (status = 200, description = "What was done", body = Envelope<PageAudit<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(in crate::routes::admin) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(PageWindow { merchant, limit: asked, after: token }): Query<PageWindow>,
) -> Result<Response, Refusal> {
    let page_size = limit(asked, DEEDS.0, DEEDS.1)?;
    let request = ListPageDeedsRequest { merchant: merchant.unwrap_or_default(), page_size, page_token: after(token)? };
    let answer = app.page().list_page_deeds(caller.request(request)).await?.into_inner();
    let ids = answer.deeds.iter().flat_map(|deed| [deed.by.as_str(), &deed.user]).filter(|id| !id.is_empty());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let deeds = filled(answer.deeds.iter().map(|deed| PageDeed::of(deed, &people)).collect::<Option<Vec<_>>>())?;
    let after = next(&answer.next_page_token);
    Ok(envelope::success(PageAudit { deeds, after }))
}
