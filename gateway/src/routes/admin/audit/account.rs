//! What was done to accounts, and by whom.

use axum::{extract::State, response::Response};
use chatroom_proto::user::v1::{Deed as ProtoDeed, DeedKind, ListDeedsRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::DEEDS;
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

/// Which deeds to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::routes::admin) struct AuditWindow {
    /// Only what was done to this user.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: Option<String>,
    /// How many at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of what was done.
#[derive(Serialize, ToSchema)]
pub(in crate::routes::admin) struct Audit<'a> {
    deeds: Vec<Deed<'a>>,
    /// What to ask for with `after` to go on; null where there is no more.
    after: Option<&'a str>,
}

/// List what was done to accounts by administrators and on the command line, latest first; administrators only
#[utoipa::path(
    get, path = "/h5/admin/audit", tag = "admin", operation_id = "listDeeds",
    params(AuditWindow),
    responses(
        (status = 200, description = "What was done", body = Envelope<Audit<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(in crate::routes::admin) async fn list(
    caller: SignedIn,
    State(app): State<App>,
    Query(AuditWindow { user, limit: asked, after: token }): Query<AuditWindow>,
) -> Result<Response, Refusal> {
    let page_size = limit(asked, DEEDS.0, DEEDS.1)?;
    let request = ListDeedsRequest { user: user.unwrap_or_default(), page_size, page_token: after(token)? };
    let answer = app.account_admin().list_deeds(caller.request(request)).await?.into_inner();
    let ids = answer.deeds.iter().flat_map(|deed| [deed.by.as_str(), &deed.user]);
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let deeds = filled(answer.deeds.iter().map(|deed| Deed::of(deed, &people)).collect::<Option<Vec<_>>>())?;
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Audit { deeds, after }))
}
