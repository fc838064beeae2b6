//! Keeping order in a group: `/h5/group/{remove,mute,admin,muteAll,update,dismiss}`.

use axum::{extract::State, response::Response};
use chatroom_proto::group::v1::{
    DismissGroupRequest, MuteGroupRequest, MuteMemberRequest, RemoveMemberRequest, SetAdminRequest, UpdateGroupRequest,
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::membership::WhichGroup;
use crate::{
    body::Json,
    chat::{group::Group, member::Membership},
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
    value::moment,
};

/// Whom to remove.
#[derive(Deserialize, ToSchema)]
pub(super) struct Remove {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The member's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
    /// Whether they may never join again.
    ban: Option<bool>,
}

/// Remove a member of lower rank, with `ban` for good; owner and admins only
#[utoipa::path(
    post, path = "/h5/group/remove", tag = "group", operation_id = "removeMember",
    request_body = Remove,
    responses(
        (status = 200, description = "The membership that ended", body = Envelope<Membership<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`, `MEMBER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn remove(
    caller: Writer,
    State(app): State<App>,
    Json(Remove { group, user, ban }): Json<Remove>,
) -> Result<Response, Refusal> {
    let request = caller.request(RemoveMemberRequest { group, user, ban: ban.unwrap_or_default() });
    let member = filled(app.group().remove_member(request).await?.into_inner().member)?;
    Ok(envelope::success(Membership::from(&member)))
}

/// Whom to mute.
#[derive(Deserialize, ToSchema)]
pub(super) struct Mute {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The member's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
    /// Until when, a moment in the future; null lets them speak again. It must be said which.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(format = DateTime, required = true, example = "2099-01-01T00:00:00.000Z")]
    until: Option<String>,
}

/// Keep a member of lower rank silent, or let them speak again; owner and admins only
#[utoipa::path(
    post, path = "/h5/group/mute", tag = "group", operation_id = "muteMember",
    request_body = Mute,
    responses(
        (status = 200, description = "The membership", body = Envelope<Membership<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`, `MEMBER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn mute(
    caller: Writer,
    State(app): State<App>,
    Json(Mute { group, user, until }): Json<Mute>,
) -> Result<Response, Refusal> {
    let until = until.map(|text| moment("until", &text)).transpose()?;
    let request = caller.request(MuteMemberRequest { group, user, until });
    let member = filled(app.group().mute_member(request).await?.into_inner().member)?;
    Ok(envelope::success(Membership::from(&member)))
}

/// Whom to make an admin.
#[derive(Deserialize, ToSchema)]
pub(super) struct SetAdmin {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The member's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
    /// Whether they are one.
    #[schema(example = true)]
    admin: bool,
}

/// Make a member an admin, or one no more; the owner only
#[utoipa::path(
    post, path = "/h5/group/admin", tag = "group", operation_id = "setAdmin",
    request_body = SetAdmin,
    responses(
        (status = 200, description = "The membership", body = Envelope<Membership<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`, `MEMBER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn set_admin(
    caller: Writer,
    State(app): State<App>,
    Json(SetAdmin { group, user, admin }): Json<SetAdmin>,
) -> Result<Response, Refusal> {
    let request = caller.request(SetAdminRequest { group, user, admin });
    let member = filled(app.group().set_admin(request).await?.into_inner().member)?;
    Ok(envelope::success(Membership::from(&member)))
}

/// Which group to mute.
#[derive(Deserialize, ToSchema)]
pub(super) struct MuteAll {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// Whether only owner and admins may speak.
    #[schema(example = true)]
    muted: bool,
}

/// Let only owner and admins speak, or everyone again; owner and admins only
#[utoipa::path(
    post, path = "/h5/group/muteAll", tag = "group", operation_id = "muteGroup",
    request_body = MuteAll,
    responses(
        (status = 200, description = "The group", body = Envelope<Group<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn mute_all(
    caller: Writer,
    State(app): State<App>,
    Json(MuteAll { group, muted }): Json<MuteAll>,
) -> Result<Response, Refusal> {
    let request = caller.request(MuteGroupRequest { group, muted });
    let group = filled(app.group().mute_group(request).await?.into_inner().group)?;
    Ok(envelope::success(Group::from(&group)))
}

/// What to change.
#[derive(Deserialize, ToSchema)]
pub(super) struct Update {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// 1 to 64 characters; left out, it stays as it is.
    #[schema(example = "小黑子的世界", min_length = 1, max_length = 64)]
    name: Option<String>,
    /// An http(s) URL or a path that an upload answered, at most 2,048 characters; left out, it stays as it is.
    #[schema(
        example = "https://img.example/59024.jpg",
        max_length = 2048,
        pattern = "^(https?://[^ ]+|/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5})$"
    )]
    icon: Option<String>,
}

/// Give a group another name or picture; the owner only
#[utoipa::path(
    post, path = "/h5/group/update", tag = "group", operation_id = "updateGroup",
    request_body = Update,
    responses(
        (status = 200, description = "The group", body = Envelope<Group<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`GROUP_DISMISSED`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn update(
    caller: Writer,
    State(app): State<App>,
    Json(Update { group, name, icon }): Json<Update>,
) -> Result<Response, Refusal> {
    let request = caller.request(UpdateGroupRequest { group, name, icon });
    let group = filled(app.group().update_group(request).await?.into_inner().group)?;
    Ok(envelope::success(Group::from(&group)))
}

/// End a group: its members can read it, and it takes nothing new; the owner only
#[utoipa::path(
    post, path = "/h5/group/dismiss", tag = "group", operation_id = "dismissGroup",
    request_body = WhichGroup,
    responses(
        (status = 200, description = "The group", body = Envelope<Group<'static>>),
        (status = 403, description = "`NOT_GROUP_MEMBER`, `ROLE_TOO_LOW`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`GROUP_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn dismiss(
    caller: Writer,
    State(app): State<App>,
    Json(WhichGroup { group }): Json<WhichGroup>,
) -> Result<Response, Refusal> {
    let request = caller.request(DismissGroupRequest { group });
    let group = filled(app.group().dismiss_group(request).await?.into_inner().group)?;
    Ok(envelope::success(Group::from(&group)))
}
