//! Accounts as administrators see them, and what they do to them.

use axum::{extract::State, response::Response};
use chatroom_kit::account_feed::AccountFeed;
use chatroom_proto::user::v1::{
    Account as ProtoAccount, DisableAccountRequest, EnableAccountRequest, EndSessionsRequest, FindAccountsRequest,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    auth::SignedIn,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody, WrongQuery},
    query::{Query, after, limit, next},
    state::App,
    value::{Id, Time, role},
};

/// How many accounts an answer has where the client does not say, and how many it may ask for.
const ACCOUNTS: (i32, i32) = (50, 200);
/// An account as administrators see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccountForAdministrators<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    #[schema(example = "admin")]
    username: &'a str,
    nickname: &'a str,
    avatar: &'a str,
    /// 0 an ordinary user, 1 an administrator.
    role: u8,
    /// When the account was disabled; null while it may be used.
    disabled_at: Option<Time>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

impl<'a> AccountForAdministrators<'a> {
    /// None where the account's own part is missing, which the service never lets happen.
    fn of(account: &'a ProtoAccount) -> Option<Self> {
        let user = account.user.as_ref()?;
        Some(Self {
            id: Id(&user.id),
            username: &user.username,
            nickname: &user.nickname,
            avatar: &user.avatar,
            role: role(user.role()),
            disabled_at: account.disable_time.map(Time::from),
            version: user.version,
            created_at: user.create_time.into(),
            updated_at: user.update_time.into(),
        })
    }
}

/// Which accounts to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Window {
    /// What their names begin with, without regard to case; all accounts where it is not said.
    #[param(max_length = 32)]
    name: Option<String>,
    /// How many at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[A-Za-z0-9_-]+$", max_length = 200)]
    after: Option<String>,
}

/// A part of the accounts.
#[derive(Serialize, ToSchema)]
pub(super) struct Accounts<'a> {
    users: Vec<AccountForAdministrators<'a>>,
    /// What to ask for with `after` to go on; null where there are no more.
    #[schema(pattern = "^[A-Za-z0-9_-]+$")]
    after: Option<&'a str>,
}

/// Find accounts by their name, administrators only
#[utoipa::path(
    get, path = "/h5/admin/user", tag = "admin", operation_id = "findAccounts",
    params(Window),
    responses(
        (status = 200, description = "The accounts, in the order of their names", body = Envelope<Accounts<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongQuery, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn find(
    caller: SignedIn,
    State(app): State<App>,
    Query(Window { name, limit: asked, after: token }): Query<Window>,
) -> Result<Response, Refusal> {
    let request = caller.request(FindAccountsRequest {
        username_prefix: name.unwrap_or_default(),
        page_size: limit(asked, ACCOUNTS.0, ACCOUNTS.1)?,
        page_token: after(token)?,
    });
    let answer = app.account_admin().find_accounts(request).await?.into_inner();
    let users = filled(answer.accounts.iter().map(AccountForAdministrators::of).collect::<Option<Vec<_>>>())?;
    let after = next(&answer.next_page_token);
    Ok(envelope::success(Accounts { users, after }))
}

/// Whom something is done to.
#[derive(Deserialize, ToSchema)]
pub(super) struct WhichAccount {
    /// The account's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    user: String,
}

/// The answer that shows an account as it is now.
fn changed(account: Option<&ProtoAccount>) -> Result<Response, Refusal> {
    Ok(envelope::success(filled(account.and_then(AccountForAdministrators::of))?))
}

/// Disable an account: its sessions end, and nobody can sign in to it; administrators only
#[utoipa::path(
    post, path = "/h5/admin/user/disable", tag = "admin", operation_id = "disableAccount",
    request_body = WhichAccount,
    responses(
        (status = 200, description = "The account", body = Envelope<AccountForAdministrators<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`OWN_ACCOUNT`: nobody locks themself out", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn disable(
    caller: Writer,
    State(app): State<App>,
    Json(WhichAccount { user }): Json<WhichAccount>,
) -> Result<Response, Refusal> {
    let request = caller.request(DisableAccountRequest { user });
    let account = app.account_admin().disable_account(request).await?.into_inner().account;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    changed(account.as_ref())
}

/// Let an account be used again, administrators only
#[utoipa::path(
    post, path = "/h5/admin/user/enable", tag = "admin", operation_id = "enableAccount",
    request_body = WhichAccount,
    responses(
        (status = 200, description = "The account", body = Envelope<AccountForAdministrators<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn enable(
    caller: Writer,
    State(app): State<App>,
    Json(WhichAccount { user }): Json<WhichAccount>,
) -> Result<Response, Refusal> {
    let request = caller.request(EnableAccountRequest { user });
    let account = app.account_admin().enable_account(request).await?.into_inner().account;
    changed(account.as_ref())
}

/// End all sessions of an account, administrators only
#[utoipa::path(
    post, path = "/h5/admin/user/logout", tag = "admin", operation_id = "endSessions",
    request_body = WhichAccount,
    responses(
        (status = 200, description = "The account", body = Envelope<AccountForAdministrators<'static>>),
        (status = 403, description = "`ADMIN_ONLY`", body = ErrorEnvelope<'static>),
        (status = 404, description = "`USER_NOT_FOUND`", body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn log_out(
    caller: Writer,
    State(app): State<App>,
    Json(WhichAccount { user }): Json<WhichAccount>,
) -> Result<Response, Refusal> {
    let request = caller.request(EndSessionsRequest { user });
    let account = app.account_admin().end_sessions(request).await?.into_inner().account;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    changed(account.as_ref())
}
