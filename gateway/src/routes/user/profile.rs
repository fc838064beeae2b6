//! How the caller is shown: `/h5/user/me` and `/h5/user/profile`.

use axum::{extract::State, response::Response};
use chatroom_kit::account_feed::AccountFeed;
use chatroom_proto::user::v1::{GetUserRequest, UpdateProfileRequest, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
    value::{Id, Time, role},
};

/// The caller's account.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnAccount<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    #[schema(example = "admin")]
    username: &'a str,
    /// What the user wants to be called; empty where nothing is set.
    #[schema(example = "小蓝")]
    nickname: &'a str,
    /// The user's picture; empty where none is set.
    #[schema(example = "/upload/20230821/7e23cd7207e15d29589565701.png")]
    avatar: &'a str,
    /// 0 an ordinary user, 1 an administrator.
    role: u8,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

impl<'a> From<&'a User> for OwnAccount<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            id: Id(&user.id),
            username: &user.username,
            nickname: &user.nickname,
            avatar: &user.avatar,
            role: role(user.role()),
            version: user.version,
            created_at: user.create_time.into(),
            updated_at: user.update_time.into(),
        }
    }
}

/// The caller's own account
#[utoipa::path(
    get, path = "/h5/user/me", tag = "user", operation_id = "getOwnAccount",
    responses(
        (status = 200, description = "The account", body = Envelope<OwnAccount<'static>>),
        NotSignedIn, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn me(caller: SignedIn, State(app): State<App>) -> Result<Response, Refusal> {
    let request = caller.request(GetUserRequest { id: caller.id.to_string() });
    let user = filled(app.user().get_user(request).await?.into_inner().user)?;
    Ok(envelope::success(OwnAccount::from(&user)))
}

/// How the caller wants to be shown.
#[derive(Deserialize, ToSchema)]
pub(super) struct Profile {
    /// Up to 32 characters of any script, not unique; empty for none; left out, it stays as it is.
    #[schema(example = "小蓝", max_length = 32)]
    nickname: Option<String>,
    /// The path of an image that the caller has uploaded; empty for none; left out, it stays as it is.
    #[schema(
        example = "/upload/20230821/7e23cd7207e15d29589565701.png",
        pattern = "^(/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5})?$"
    )]
    avatar: Option<String>,
}

/// Choose a nickname and a picture; every group shows them within seconds
#[utoipa::path(
    post, path = "/h5/user/profile", tag = "user", operation_id = "updateProfile",
    request_body = Profile,
    responses(
        (status = 200, description = "The account", body = Envelope<OwnAccount<'static>>),
        (status = 404, description = "`FILE_NOT_FOUND`: `avatar` is none of the caller's uploads",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn update(
    caller: Writer,
    State(app): State<App>,
    Json(Profile { nickname, avatar }): Json<Profile>,
) -> Result<Response, Refusal> {
    let request = caller.request(UpdateProfileRequest { nickname, avatar });
    let user = filled(app.user().update_profile(request).await?.into_inner().user)?;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    Ok(envelope::success(OwnAccount::from(&user)))
}
