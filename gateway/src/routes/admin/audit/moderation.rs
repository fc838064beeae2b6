//! What was done about messages: by unwanted words, by a check, by those who report and those who deal with reports.

use axum::{extract::State, response::Response};
use chatroom_proto::conduct::v1::{ListModerationActionsRequest, ModerationAction, ModerationActionKind};
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

/// What was done about a message.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ModerationName {
    Masked,
    Refused,
    Replaced,
    Rejected,
    Reported,
    Resolved,
    WordsSet,
}

impl ModerationName {
    fn of(kind: ModerationActionKind) -> Option<Self> {
        match kind {
            ModerationActionKind::Masked => Some(Self::Masked),
            ModerationActionKind::Refused => Some(Self::Refused),
            ModerationActionKind::Replaced => Some(Self::Replaced),
            ModerationActionKind::Rejected => Some(Self::Rejected),
            ModerationActionKind::Reported => Some(Self::Reported),
            ModerationActionKind::Resolved => Some(Self::Resolved),
            ModerationActionKind::WordsSet => Some(Self::WordsSet),
            ModerationActionKind::Unspecified => None,
        }
    }
}

/// Something that was done about a message, a user or a page. It never holds what was said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ModerationDeed<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    kind: ModerationName,
    /// Who did it, or said it.
    user: Person<'a>,
    merchant: Id<'a>,
    /// The group's id; null where there is none.
    #[schema(pattern = "^[0-9a-f]{24}$")]
    group: Option<&'a str>,
    /// More about it: a report's id, how many words there are, why a check refused.
    detail: &'a str,
    created_at: Time,
}

impl<'a> ModerationDeed<'a> {
    /// None where it is of no kind, which the service never lets happen.
    fn of(action: &'a ModerationAction, people: &'a People) -> Option<Self> {
        Some(Self {
            id: Id(&action.id),
            kind: ModerationName::of(action.kind())?,
            user: people.person(&action.user),
            merchant: Id(&action.merchant),
            group: (!action.group.is_empty()).then_some(&action.group),
            detail: &action.detail,
            created_at: action.create_time.into(),
        })
    }
}

/// List what was done about messages, latest first; administrators only
#[utoipa::path(
    get, path = "/h5/admin/audit/moderation", tag = "admin", operation_id = "listModerationActions",
    params(OfPage, Part),
    responses(
        (status = 200, description = "What was done", body = Envelope<Audit<'static, ModerationDeed<'static>>>),
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
    let request = ListModerationActionsRequest { merchant: merchant.unwrap_or_default(), page_size, page_token };
    let listed = app.conduct().list_moderation_actions(caller.request(request)).await?.into_inner();
    let ids = listed.actions.iter().map(|action| action.user.as_str());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    answer(&listed.actions, &listed.next_page_token, |action| ModerationDeed::of(action, &people))
}
