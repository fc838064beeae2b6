//! Coming, going and who is there: `/h5/group/{join,leave,members}`.

use axum::{extract::State, response::Response};
use chatroom_proto::group::v1::{JoinGroupRequest, LeaveGroupRequest, ListMembersRequest, Member as ProtoMember};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::SignedIn,
    body::Json,
    chat::member::{Member, rank},
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

/// Which group.
#[derive(Deserialize, ToSchema)]
pub(super) struct WhichGroup {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    pub(super) group: String,
}

/// A membership of a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct JoinedGroup<'a> {
    user: Id<'a>,
    group: Id<'a>,
    /// 2 the owner, 1 an admin, 0 anybody else.
    role: u8,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

impl<'a> From<&'a ProtoMember> for JoinedGroup<'a> {
    fn from(member: &'a ProtoMember) -> Self {
        Self {
            user: Id(&member.user),
            group: Id(&member.group),
            role: rank(member.role()),
            id: Id(&member.id),
            version: member.version,
            created_at: member.create_time.into(),
            updated_at: member.update_time.into(),
        }
    }
}

/// Join a group of a page that the caller has joined; joining again answers the same record
#[utoipa::path(
    post, path = "/h5/group/join", tag = "group", operation_id = "joinGroup",
    request_body = WhichGroup,
    responses(
        (status = 200, description = "The membership, in an array of one", body = Envelope<Vec<JoinedGroup<'static>>>),
        (status = 403, description = "`NOT_PAGE_MEMBER`, `BANNED`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn join(
    caller: Writer,
    State(app): State<App>,
    Json(WhichGroup { group }): Json<WhichGroup>,
) -> Result<Response, Refusal> {
    let request = caller.request(JoinGroupRequest { group });
    let member = filled(app.group().join_group(request).await?.into_inner().member)?;
    Ok(envelope::success([JoinedGroup::from(&member)]))
}

/// Leave a group; leaving again changes nothing
#[utoipa::path(
    post, path = "/h5/group/leave", tag = "group", operation_id = "leaveGroup",
    request_body = WhichGroup,
    responses(
        (status = 200, description = "The caller is not in the group", body = EmptyEnvelope),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`OWNER_CANNOT_LEAVE`, `SERVICE_CONVERSATION`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn leave(
    caller: Writer,
    State(app): State<App>,
    Json(WhichGroup { group }): Json<WhichGroup>,
) -> Result<Response, Refusal> {
    app.group().leave_group(caller.request(LeaveGroupRequest { group })).await?;
    Ok(envelope::done())
}

/// Whose members to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// The group's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// How many members at most; 200 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

/// A part of a group's members.
#[derive(Serialize, ToSchema)]
pub(super) struct Members<'a> {
    members: Vec<Member<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    after: Option<&'a str>,
}

/// List a group's members in the order in which they joined, members only
#[utoipa::path(
    get, path = "/h5/group/members", tag = "group", operation_id = "listMembers",
    params(Window),
    responses(
        (status = 200, description = "The members", body = Envelope<Members<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn members(
    caller: SignedIn,
    State(app): State<App>,
    Query(window): Query<Window>,
) -> Result<Response, Refusal> {
    let page_size = limit(window.limit, MEMBERS.0, MEMBERS.1)?;
    let page_token = after(window.after)?;
    let request = caller.request(ListMembersRequest { group: window.group, page_size, page_token });
    let answer = app.group().list_members(request).await?.into_inner();
    let ids = answer.members.iter().map(|member| member.user.as_str());
    let people = app.directory.people(ids, |message| caller.request(message)).await;
    let members = answer.members.iter().map(|member| Member::of(member, &people)).collect();
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Members { members, after }))
}
