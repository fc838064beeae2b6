//! Accounts: `/h5/user/*`.

mod deletion;
mod export;
mod profile;
mod session;

use axum::{extract::State, response::Response};
use chatroom_kit::link::repeatable;
use chatroom_proto::user::v1::{LoginRequest, RegisterRequest, User};
use serde::{Deserialize, Serialize};
use tonic::Request;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    address::ClientAddress,
    body::Json,
    envelope::{self, Envelope, ErrorEnvelope},
    error::{Refusal, filled},
    idempotency::IdempotencyKey,
    limit::Registrant,
    openapi::{NotServed, WrongBody},
    state::App,
    value::{Id, Time, role},
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(login))
        .routes(routes!(session::logout))
        .routes(routes!(session::logout_all))
        .routes(routes!(session::change_password))
        .routes(routes!(session::renew))
        .routes(routes!(profile::me))
        .routes(routes!(profile::update))
        .routes(routes!(deletion::delete))
        .routes(routes!(export::export))
}

/// An account's name and password.
#[derive(Deserialize, ToSchema)]
struct Credentials {
    /// 1 to 32 characters of any script, unique without regard to case.
    #[schema(example = "admin", min_length = 1, max_length = 32)]
    username: String,
    /// 6 to 128 characters, unless more are asked for.
    #[schema(example = "123456", format = Password, min_length = 6, max_length = 128)]
    password: String,
}

/// An account.
#[derive(Serialize, ToSchema)]
struct Account<'a> {
    #[schema(example = "admin")]
    username: &'a str,
    /// 0 an ordinary user, 1 an administrator.
    role: u8,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

impl<'a> From<&'a User> for Account<'a> {
    fn from(user: &'a User) -> Self {
        Self {
            username: &user.username,
            role: role(user.role()),
            id: Id(&user.id),
            version: user.version,
            create_time: user.create_time.into(),
            update_time: user.update_time.into(),
        }
    }
}

/// A token and whose it is.
#[derive(Serialize, ToSchema)]
struct Session<'a> {
    /// To be sent in the header `token`.
    token: &'a str,
    #[serde(rename = "_id")]
    id: Id<'a>,
    #[schema(example = "admin")]
    username: &'a str,
    /// 0 an ordinary user, 1 an administrator.
    role: u8,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    #[serde(rename = "createdAt")]
    create_time: Time,
    #[serde(rename = "updatedAt")]
    update_time: Time,
}

/// Open an account
#[utoipa::path(
    post, path = "/h5/user/reg", tag = "user", operation_id = "register",
    params(IdempotencyKey),
    request_body = Credentials,
    responses(
        (status = 200, description = "The account, in an array of one", body = Envelope<Vec<Account<'static>>>),
        (status = 409, description = "`USERNAME_TAKEN`", body = ErrorEnvelope<'static>),
        WrongBody, NotServed
    )
)]
async fn register(
    _: Registrant,
    IdempotencyKey(request_id): IdempotencyKey,
    State(app): State<App>,
    Json(Credentials { username, password }): Json<Credentials>,
) -> Result<Response, Refusal> {
    let key = request_id.clone();
    let request = Request::new(RegisterRequest { username, password, request_id });
    let answer = app.user().register(repeatable(request, &key)).await?.into_inner();
    let user = filled(answer.user)?;
    Ok(envelope::success_saying("注册成功", [Account::from(&user)]))
}

/// Exchange a name and a password for a token
#[utoipa::path(
    post, path = "/h5/user/login", tag = "user", operation_id = "login",
    request_body = Credentials,
    responses(
        (status = 200, description = "The token and the account", body = Envelope<Session<'static>>),
        (status = 401, description = "`INVALID_CREDENTIALS`: no such user, or another password",
         body = ErrorEnvelope<'static>),
        (status = 403, description = "`ACCOUNT_DISABLED`", body = ErrorEnvelope<'static>),
        WrongBody, NotServed,
        (status = 429, description = "`TOO_MANY_ATTEMPTS`: too many failures from this address; `RATE_LIMITED`",
         body = ErrorEnvelope<'static>, headers(("Retry-After" = u64, description = "Seconds to wait")))
    )
)]
async fn login(
    ClientAddress(address): ClientAddress,
    State(app): State<App>,
    Json(Credentials { username, password }): Json<Credentials>,
) -> Result<Response, Refusal> {
    let request = LoginRequest { username, password, client_address: address.to_string() };
    let answer = app.user().login(request).await?.into_inner();
    let user = filled(answer.user)?;
    let Account { username, role, id, version, create_time, update_time } = Account::from(&user);
    let token = &answer.token;
    Ok(envelope::success(Session { token, id, username, role, version, create_time, update_time }))
}
