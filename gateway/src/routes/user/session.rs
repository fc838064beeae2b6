//! How what a login began is ended and renewed.

use axum::{extract::State, response::Response};
use chatroom_kit::account_feed::AccountFeed;
use chatroom_proto::user::v1::{ChangePasswordRequest, LogoutAllRequest, LogoutRequest, RenewTokenRequest};
use prost_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    address::ClientAddress,
    body::Json,
    envelope::{self, EmptyEnvelope, Envelope, ErrorEnvelope},
    error::Refusal,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
    value::Time,
};

/// A token in place of another.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Renewed<'a> {
    /// To be sent in the header `token`.
    token: &'a str,
    /// When it stops to be accepted.
    expires_at: Time,
}

impl<'a> Renewed<'a> {
    fn new(token: &'a str, expires_at: Option<Timestamp>) -> Self {
        Self { token, expires_at: expires_at.into() }
    }
}

/// End the session of the token; every replica refuses it within ten seconds
#[utoipa::path(
    post, path = "/h5/user/logout", tag = "user", operation_id = "logout",
    responses(
        (status = 200, description = "The session has ended", body = EmptyEnvelope),
        NotSignedIn, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn logout(caller: Writer, State(app): State<App>) -> Result<Response, Refusal> {
    app.session().logout(caller.request(LogoutRequest {})).await?;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    Ok(envelope::done())
}

/// End all of the caller's sessions; every replica refuses their tokens within ten seconds
#[utoipa::path(
    post, path = "/h5/user/logoutAll", tag = "user", operation_id = "logoutAll",
    responses(
        (status = 200, description = "All sessions have ended", body = EmptyEnvelope),
        NotSignedIn, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn logout_all(caller: Writer, State(app): State<App>) -> Result<Response, Refusal> {
    app.session().logout_all(caller.request(LogoutAllRequest {})).await?;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    Ok(envelope::done())
}

/// A password and what it is to be.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewPassword {
    /// The password as it is.
    #[schema(example = "123456", format = Password, min_length = 1, max_length = 128)]
    old: String,
    /// As it is to be: 6 to 128 characters, unless more are asked for.
    #[schema(example = "654321", format = Password, min_length = 6, max_length = 128)]
    new: String,
}

/// Change the caller's password; all sessions end, and the answer's token begins a new one
#[utoipa::path(
    post, path = "/h5/user/password", tag = "user", operation_id = "changePassword",
    request_body = NewPassword,
    responses(
        (status = 200, description = "The only token that is good now", body = Envelope<Renewed<'static>>),
        (status = 403, description = "`PASSWORD_WRONG`: `old` is not the caller's password",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed,
        (status = 429, description = "`TOO_MANY_ATTEMPTS`: too many failures from this address, logins included; \
                                      `RATE_LIMITED`",
         body = ErrorEnvelope<'static>, headers(("Retry-After" = u64, description = "Seconds to wait")))
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn change_password(
    caller: Writer,
    ClientAddress(address): ClientAddress,
    State(app): State<App>,
    Json(NewPassword { old, new }): Json<NewPassword>,
) -> Result<Response, Refusal> {
    let client_address = address.to_string();
    let request = ChangePasswordRequest { old_password: old, new_password: new, client_address };
    let answer = app.session().change_password(caller.request(request)).await?.into_inner();
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    Ok(envelope::success(Renewed::new(&answer.token, answer.expire_time)))
}

/// Exchange a token in the second half of its time for a new one of the same session; a younger one is answered as it is
#[utoipa::path(
    post, path = "/h5/user/renew", tag = "user", operation_id = "renewToken",
    responses(
        (status = 200, description = "A token; the old one stays good until its end", body = Envelope<Renewed<'static>>),
        NotSignedIn, NotServed
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn renew(caller: Writer, State(app): State<App>) -> Result<Response, Refusal> {
    let answer = app.session().renew_token(caller.request(RenewTokenRequest {})).await?.into_inner();
    Ok(envelope::success(Renewed::new(&answer.token, answer.expire_time)))
}
