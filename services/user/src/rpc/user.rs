//! Accounts over gRPC: how they are opened, signed in to and looked up.

use chatroom_kit::{
    auth::Unauthenticated,
    error::{Invalid, Problem},
    fields::RequestId,
    ids::UserId,
    wire,
};
use chatroom_proto::user::v1::{
    BatchGetUsersRequest, BatchGetUsersResponse, CheckPictureRequest, CheckPictureResponse, GetUserRequest,
    GetUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse, LoginRequest, LoginResponse, RegisterRequest,
    RegisterResponse, UpdateProfileRequest, UpdateProfileResponse, user_service_server::UserService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::{
    domain::{Account, Address, Avatar, NewAccount, Nickname, Password, ProfileUpdate, User, Username},
    error::Error,
};

/// How many accounts can be asked for at once.
const BATCH_MAX: usize = 200;

impl Service {
    /// Opens an account; nothing where the name is taken.
    async fn open_account(
        &self,
        username: &Username,
        password: &Password,
        request_id: Option<&RequestId>,
    ) -> Result<Option<User>, Error> {
        let turn = self.passwords.turn().await?;
        // Looked up only now: of many who want one name at once, few cost a hash.
        if username.is_of_the_deleted() || self.store.is_taken(username, self.clock.now()).await? {
            return Ok(None);
        }
        let password_hash = self.passwords.hash(turn, password.clone()).await?;
        let new = NewAccount { username: username.clone(), password_hash, request_id: request_id.cloned() };
        Ok(self.store.open_account(&new, self.clock.now()).await?)
    }

    /// The account that the same request has opened before.
    async fn opened_before(
        &self,
        username: &Username,
        password: Password,
        request_id: Option<&RequestId>,
    ) -> Result<User, Error> {
        let account = self.store.account(username).await?.ok_or(Error::UsernameTaken)?;
        if !account.may_be_opened_by(request_id, self.clock.now()) {
            return Err(Error::UsernameTaken);
        }
        let turn = self.passwords.turn().await?;
        if !self.passwords.verify(turn, password, Some(account.password_hash)).await? {
            return Err(Error::UsernameTaken);
        }
        Ok(account.user)
    }

    /// The account that bears the name, where the password is its own. Both answers take as long.
    async fn owned(&self, username: &Username, password: Password) -> Result<Option<Account>, Error> {
        let account = self.store.account(username).await?;
        let kept = account.as_ref().map(|account| account.password_hash.clone());
        let turn = self.passwords.turn().await?;
        let right = self.passwords.verify(turn, password, kept).await?;
        Ok(account.filter(|_| right))
    }
}

#[tonic::async_trait]
impl UserService for Service {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let RegisterRequest { username, password, request_id } = request.into_inner();
        let username = Username::parse(&username)?;
        let password = Password::choose("password", password, self.settings.password_min_length.into())?;
        let request_id = RequestId::parse(&request_id)?;
        let user = match self.open_account(&username, &password, request_id.as_ref()).await? {
            Some(user) => user,
            None => self.opened_before(&username, password, request_id.as_ref()).await?,
        };
        tracing::info!(user.id = %user.id, "registered");
        Ok(Response::new(RegisterResponse { user: Some(encode::user(user)) }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        let LoginRequest { username, password, client_address } = request.into_inner();
        let username = Username::parse(&username)?;
        let password = Password::claim("password", password)?;
        let attempt = self.throttle.begin(&username, Address::parse(&client_address)?).await?;
        let Some(account) = self.owned(&username, password).await? else {
            attempt.failed();
            return Err(Error::InvalidCredentials.into());
        };
        attempt.succeeded();
        let account = account.usable().ok_or(Error::AccountDisabled)?;
        let token = self.new_session(&account)?;
        tracing::info!(user.id = %account.user.id, "signed in");
        Ok(Response::new(LoginResponse {
            token: token.text,
            expire_time: Some(wire::timestamp(token.expires_at)),
            user: Some(encode::user(account.user)),
        }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        self.verifier.caller(&request)?;
        let id = UserId::parse("id", &request.get_ref().id)?;
        let user = self.store.user(id).await.map_err(Error::from)?.ok_or(Error::UserNotFound)?;
        Ok(Response::new(GetUserResponse { user: Some(encode::user(user)) }))
    }

    async fn batch_get_users(
        &self,
        request: Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        self.verifier.caller(&request).map(drop).or_else(|_| self.verifier.service(&request).map(drop))?;
        let ids = decode_ids(&request.get_ref().ids)?;
        let users = self.store.users(&ids).await.map_err(Error::from)?;
        Ok(Response::new(BatchGetUsersResponse { users: users.into_iter().map(encode::user).collect() }))
    }

    async fn check_picture(
        &self,
        request: Request<CheckPictureRequest>,
    ) -> Result<Response<CheckPictureResponse>, Status> {
        self.verifier.service(&request)?;
        let used = self.store.is_avatar(&request.get_ref().path).await.map_err(Error::from)?;
        Ok(Response::new(CheckPictureResponse { used }))
    }

    async fn update_profile(
        &self,
        request: Request<UpdateProfileRequest>,
    ) -> Result<Response<UpdateProfileResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let UpdateProfileRequest { nickname, avatar } = request.into_inner();
        let nickname = nickname.as_deref().map(Nickname::parse).transpose()?;
        let avatar = avatar.as_deref().map(Avatar::parse).transpose()?;
        if let Some(avatar) = &avatar {
            self.files.must_be_callers(&caller, avatar).await?;
        }
        let update = ProfileUpdate { nickname, avatar };
        let user = self.store.update_profile(caller.id, &update, self.clock.now()).await.map_err(Error::from)?;
        Ok(Response::new(UpdateProfileResponse { user: Some(encode::user(user.ok_or(Unauthenticated)?)) }))
    }

    async fn issue_service_token(
        &self,
        request: Request<IssueServiceTokenRequest>,
    ) -> Result<Response<IssueServiceTokenResponse>, Status> {
        let IssueServiceTokenRequest { service, secret } = request.get_ref();
        self.services.verify(service, secret)?;
        let token = self.signer.mint_for_service(service, self.clock.now())?;
        tracing::info!(service, "service token issued");
        Ok(Response::new(IssueServiceTokenResponse {
            token: token.text,
            expire_time: Some(wire::timestamp(token.expires_at)),
        }))
    }
}

fn decode_ids(ids: &[String]) -> Result<Vec<UserId>, Invalid> {
    if ids.is_empty() || ids.len() > BATCH_MAX {
        return Err(Invalid::new("ids", Problem::OutOfRange(1, 200)));
    }
    ids.iter().map(|id| UserId::parse("ids", id)).collect()
}
