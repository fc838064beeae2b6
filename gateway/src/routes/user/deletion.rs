//! How an account is deleted: `/h5/user/delete`.

use axum::{extract::State, response::Response};
use chatroom_kit::{
    account_feed::AccountFeed,
    error::{Invalid, Problem},
};
use chatroom_proto::{merchant::v1::CheckNoOpenPagesRequest, user::v1::DeleteAccountRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    address::ClientAddress,
    body::Json,
    envelope::{self, EmptyEnvelope, ErrorEnvelope},
    error::Refusal,
    limit::Writer,
    openapi::{NotServed, NotSignedIn, WrongBody},
    state::App,
};

/// What becomes of what the caller has said.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described: a wrong word is refused by the name of its field")]
enum Said {
    /// It stays, as said by a deleted user.
    Keep,
    /// It loses its content and its files.
    Erase,
}

/// The caller's word that the account is to go.
#[derive(Deserialize, ToSchema)]
pub(super) struct Deletion {
    #[schema(example = "123456", format = Password, min_length = 1, max_length = 128)]
    password: String,
    /// What becomes of what the caller has said; kept where it is left out.
    #[schema(value_type = Option<Said>)]
    messages: Option<String>,
}

/// Delete the caller's account for good; all sessions end, and others see a deleted user
#[utoipa::path(
    post, path = "/h5/user/delete", tag = "user", operation_id = "deleteAccount",
    request_body = Deletion,
    responses(
        (status = 200, description = "The account is deleted; its name can be registered again after 30 days",
         body = EmptyEnvelope),
        (status = 403, description = "`PASSWORD_WRONG`", body = ErrorEnvelope<'static>),
        (status = 409, description = "`OWNS_PAGES`: the caller's open pages are to be handed on or closed before",
         body = ErrorEnvelope<'static>),
        NotSignedIn, WrongBody, NotServed,
        (status = 429, description = "`TOO_MANY_ATTEMPTS`: too many failures from this address, logins included; \
                                      `RATE_LIMITED`",
         body = ErrorEnvelope<'static>, headers(("Retry-After" = u64, description = "Seconds to wait")))
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn delete(
    caller: Writer,
    ClientAddress(address): ClientAddress,
    State(app): State<App>,
    Json(Deletion { password, messages }): Json<Deletion>,
) -> Result<Response, Refusal> {
    let erase_messages = match messages.as_deref() {
        None | Some("keep") => false,
        Some("erase") => true,
        Some(_) => return Err(Invalid::new("messages", Problem::Malformed).into()),
    };
    // A page that is opened in between is closed with the account.
    app.page().check_no_open_pages(caller.request(CheckNoOpenPagesRequest {})).await?;
    let request = DeleteAccountRequest { password, client_address: address.to_string(), erase_messages };
    app.deletion().delete_account(caller.request(request)).await?;
    app.accounts.catch_up(AccountFeed::AFTER_CHANGE).await;
    Ok(envelope::done())
}
