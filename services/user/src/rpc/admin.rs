//! What administrators do to accounts, over gRPC.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chatroom_kit::{
    cursor::{self, TimeCursor},
    error::{Invalid, Problem},
    ids::UserId,
    wire,
};
use chatroom_proto::user::v1::{
    DisableAccountRequest, DisableAccountResponse, EnableAccountRequest, EnableAccountResponse, EndSessionsRequest,
    EndSessionsResponse, FindAccountsRequest, FindAccountsResponse, ListDeedsRequest, ListDeedsResponse,
    admin_service_server::AdminService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::{domain::Username, error::Error};

/// The key of the name that a list has reached: a place that stays one when its account is deleted.
fn parse_place(token: &str) -> Result<String, Invalid> {
    let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let name = name.and_then(|name| Username::parse(&name).ok());
    Ok(name.ok_or(Invalid::new("page_token", Problem::Malformed))?.key().to_owned())
}

#[tonic::async_trait]
impl AdminService for Service {
    async fn find_accounts(
        &self,
        request: Request<FindAccountsRequest>,
    ) -> Result<Response<FindAccountsResponse>, Status> {
        self.administrator(&request).await?;
        let FindAccountsRequest { username_prefix, page_size, page_token } = request.into_inner();
        let prefix = Username::parse_prefix(&username_prefix)?;
        let limit = wire::page_size(page_size)?;
        let after = (!page_token.is_empty()).then(|| parse_place(&page_token)).transpose()?;
        let mut accounts = self.store.find_accounts(&prefix, after.as_deref(), limit + 1).await.map_err(Error::from)?;
        let more = wire::cut(&mut accounts, limit);
        let last = accounts.last().filter(|_| more).map(|account| URL_SAFE_NO_PAD.encode(&account.user.username));
        Ok(Response::new(FindAccountsResponse {
            accounts: accounts.into_iter().map(encode::account).collect(),
            next_page_token: last.unwrap_or_default(),
        }))
    }

    async fn disable_account(
        &self,
        request: Request<DisableAccountRequest>,
    ) -> Result<Response<DisableAccountResponse>, Status> {
        let caller = self.administrator(&request).await?;
        let user = UserId::parse("user", &request.get_ref().user)?;
        if user == caller.id {
            return Err(Error::OwnAccount.into());
        }
        let account = self.store.set_disabled(user, true, caller.id, self.clock.now()).await.map_err(Error::from)?;
        let account = account.ok_or(Error::UserNotFound)?;
        tracing::info!(user.id = %user, administrator.id = %caller.id, "account disabled");
        Ok(Response::new(DisableAccountResponse { account: Some(encode::account(account)) }))
    }

    async fn enable_account(
        &self,
        request: Request<EnableAccountRequest>,
    ) -> Result<Response<EnableAccountResponse>, Status> {
        let caller = self.administrator(&request).await?;
        let user = UserId::parse("user", &request.get_ref().user)?;
        let account = self.store.set_disabled(user, false, caller.id, self.clock.now()).await.map_err(Error::from)?;
        let account = account.ok_or(Error::UserNotFound)?;
        tracing::info!(user.id = %user, administrator.id = %caller.id, "account enabled");
        Ok(Response::new(EnableAccountResponse { account: Some(encode::account(account)) }))
    }

    async fn end_sessions(
        &self,
        request: Request<EndSessionsRequest>,
    ) -> Result<Response<EndSessionsResponse>, Status> {
        let caller = self.administrator(&request).await?;
        let user = UserId::parse("user", &request.get_ref().user)?;
        let account = self.store.end_sessions_of(user, caller.id, self.clock.now()).await.map_err(Error::from)?;
        let account = account.ok_or(Error::UserNotFound)?;
        tracing::info!(user.id = %user, administrator.id = %caller.id, "sessions ended");
        Ok(Response::new(EndSessionsResponse { account: Some(encode::account(account)) }))
    }

    async fn list_deeds(&self, request: Request<ListDeedsRequest>) -> Result<Response<ListDeedsResponse>, Status> {
        self.administrator(&request).await?;
        let ListDeedsRequest { user, page_size, page_token } = request.get_ref();
        let user = (!user.is_empty()).then(|| UserId::parse("user", user)).transpose()?;
        let limit = wire::page_size(*page_size)?;
        let before = TimeCursor::parse(page_token)?;
        let mut deeds = self.store.deeds(user, before, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut deeds, limit, |deed| (deed.created_at, deed.id));
        Ok(Response::new(ListDeedsResponse { deeds: deeds.iter().map(encode::deed).collect(), next_page_token }))
    }
}
