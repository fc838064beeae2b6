//! Sessions over gRPC: how they are ended and renewed, and how other processes hear of it.

use chatroom_kit::{auth::Caller, wire};
use chatroom_proto::user::v1::{
    ChangePasswordRequest, ChangePasswordResponse, ListAccountChangesRequest, ListAccountChangesResponse,
    LogoutAllRequest, LogoutAllResponse, LogoutRequest, LogoutResponse, RenewTokenRequest, RenewTokenResponse,
    session_service_server::SessionService,
};
use chrono::DateTime;
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::{
    domain::{Account, Address, Password, Session, Username, is_renewed},
    error::Error,
    token::Token,
};

impl Service {
    /// Makes sure that a password is the caller's own. Wrong ones are counted together with failed logins, so that who
    /// has found a token cannot guess at leisure.
    pub(super) async fn prove_password(
        &self,
        caller: &Caller,
        field: &'static str,
        password: String,
        client_address: &str,
    ) -> Result<Account, Status> {
        let password = Password::claim(field, password)?;
        let account = self.own_account(caller).await?;
        let username = Username::parse(&account.user.username)?;
        let attempt = self.throttle.begin(&username, Address::parse(client_address)?).await?;
        let turn = self.passwords.turn().await?;
        if !self.passwords.verify(turn, password, Some(account.password_hash.clone())).await? {
            attempt.failed();
            return Err(Error::PasswordWrong.into());
        }
        attempt.succeeded();
        Ok(account)
    }

    /// A token in place of the caller's own, which is answered as it is while it is young.
    async fn renewed(&self, caller: &Caller) -> Result<Token, Error> {
        let account = self.own_account(caller).await?;
        if self.store.session_ended(&Session::of(caller)).await? {
            return Err(chatroom_kit::auth::Unauthenticated.into());
        }
        let now = self.clock.now();
        if !is_renewed(caller.issued, caller.expires, now.timestamp()) {
            let expires_at = DateTime::from_timestamp(caller.expires, 0).unwrap_or_default();
            return Ok(Token { text: caller.token().to_owned(), expires_at });
        }
        self.signer.mint(&account, Some(&caller.session), now, self.settings.token_ttl)
    }
}

#[tonic::async_trait]
impl SessionService for Service {
    async fn logout(&self, request: Request<LogoutRequest>) -> Result<Response<LogoutResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        self.store.end_session(&Session::of(&caller), self.clock.now()).await.map_err(Error::from)?;
        tracing::info!(user.id = %caller.id, "signed out");
        Ok(Response::new(LogoutResponse {}))
    }

    async fn logout_all(&self, request: Request<LogoutAllRequest>) -> Result<Response<LogoutAllResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        self.own_account(&caller).await?;
        self.store.end_sessions(caller.id, self.clock.now()).await.map_err(Error::from)?;
        tracing::info!(user.id = %caller.id, "signed out everywhere");
        Ok(Response::new(LogoutAllResponse {}))
    }

    async fn change_password(
        &self,
        request: Request<ChangePasswordRequest>,
    ) -> Result<Response<ChangePasswordResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ChangePasswordRequest { old_password, new_password, client_address } = request.into_inner();
        let new = Password::choose("new_password", new_password, self.settings.password_min_length.into())?;
        let account = self.prove_password(&caller, "old_password", old_password, &client_address).await?;
        let turn = self.passwords.turn().await?;
        let hash = self.passwords.hash(turn, new).await?;
        let changed = self.store.change_password(&account, &hash, self.clock.now()).await;
        // What came in between has ended the caller's session.
        let account = changed.map_err(Error::from)?.ok_or(Error::from(chatroom_kit::auth::Unauthenticated))?;
        let token = self.new_session(&account)?;
        tracing::info!(user.id = %caller.id, "password changed");
        Ok(Response::new(ChangePasswordResponse {
            token: token.text,
            expire_time: Some(wire::timestamp(token.expires_at)),
        }))
    }

    async fn renew_token(&self, request: Request<RenewTokenRequest>) -> Result<Response<RenewTokenResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let token = self.renewed(&caller).await?;
        Ok(Response::new(RenewTokenResponse {
            token: token.text,
            expire_time: Some(wire::timestamp(token.expires_at)),
        }))
    }

    async fn list_account_changes(
        &self,
        request: Request<ListAccountChangesRequest>,
    ) -> Result<Response<ListAccountChangesResponse>, Status> {
        self.verifier.service(&request)?;
        let ListAccountChangesRequest { after, page_size } = request.into_inner();
        let limit = wire::page_size(page_size)?;
        let feed = self.store.changes(after, limit, self.clock.now()).await.map_err(Error::from)?;
        Ok(Response::new(ListAccountChangesResponse {
            changes: feed.changes.into_iter().map(encode::change).collect(),
            last: feed.last,
            more: feed.more,
        }))
    }
}
