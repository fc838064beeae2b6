//! What was done to accounts, and by whom.

use axum::{extract::State, response::Response};
use chatroom_proto::user::v1::{Deed as ProtoDeed, DeedKind, ListDeedsRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Audit, Part, answer};
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

/// What was done to accounts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum What {
    Disabled,
    Enabled,
    SessionsEnded,
    AdministratorMade,
    AdministratorUnmade,
    Deleted,
}

impl What {
    fn of(kind: DeedKind) -> Option<Self> {
        match kind {
            DeedKind::Disabled => Some(Self::Disabled),
            DeedKind::Enabled => Some(Self::Enabled),
            DeedKind::SessionsEnded => Some(Self::SessionsEnded),
            DeedKind::AdministratorMade => Some(Self::AdministratorMade),
            DeedKind::AdministratorUnmade => Some(Self::AdministratorUnmade),
            DeedKind::Deleted => Some(Self::Deleted),
            DeedKind::Unspecified => None,
        }
    }
}

/// Something that was done to an account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Deed<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    kind: What,
    /// The administrator, or the account's owner, who did it; null where it was done on the command line.
    by: Option<Person<'a>>,
    /// Whom it was done to.
    user: Person<'a>,
    created_at: Time,
}

impl<'a> Deed<'a> {
    /// None where it is of no kind, which the service never lets happen.
    fn of(deed: &'a ProtoDeed, people: &'a People) -> Option<Self> {
        Some(Self {
            id: Id(&deed.id),
            kind: What::of(deed.kind())?,
            by: (!deed.by.is_empty()).then(|| people.person(&deed.by)),
            user: people.person(&deed.user),
            created_at: deed.create_time.into(),
        })
    }
}

/// Whose deeds to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::routes::admin) struct OfAccount {
    /// Only what was done to this user.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: Option<String>,
}

/// List what was done to accounts by administrators and on the command line, latest first; administrators only
#[utoipa::path(
    get, path = "/h5/admin/audit", tag = "admin", operation_id = "listDeeds",
    params(OfAccount, Part),
    responses(
        (status = 200, description = "What was done", body = Envelope<Audit<'static, Deed<'static>>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(in crate::routes::admin) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(OfAccount { user }): Query<OfAccount>,
    Query(part): Query<Part>,
) -> Result<Response, Refusal> {
    let (page_size, page_token) = part.read()?;
    let request = ListDeedsRequest { user: user.unwrap_or_default(), page_size, page_token };
    let listed = app.account_admin().list_deeds(caller.request(request)).await?.into_inner();
    let ids = listed.deeds.iter().flat_map(|deed| [deed.by.as_str(), &deed.user]);
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    answer(&listed.deeds, &listed.next_page_token, |deed| Deed::of(deed, &people))
}
