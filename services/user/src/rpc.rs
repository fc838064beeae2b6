//! The user service's RPCs: each decodes, authorises, decides, stores and encodes.

use chatroom_kit::{
    auth::Verifier,
    clock::Clock,
    error::{Invalid, Problem},
    fields::RequestId,
    ids::UserId,
    wire,
};
use chatroom_proto::user::v1::{
    self as proto, BatchGetUsersRequest, BatchGetUsersResponse, CheckPictureRequest, CheckPictureResponse,
    GetUserRequest, GetUserResponse, IssueServiceTokenRequest, IssueServiceTokenResponse, LoginRequest, LoginResponse,
    RegisterRequest, RegisterResponse, user_service_server::UserService,
};
use tonic::{Request, Response, Status};

use crate::{
    config::Settings,
    domain::{Address, NewAccount, Password, Role, User, Username},
    error::Error,
    password::Passwords,
    services::Services,
    store::Store,
    throttle::Throttle,
    token::Signer,
};

/// How many accounts can be asked for at once.
const BATCH_MAX: usize = 200;

pub(crate) struct Service {
    store: Store,
    signer: Signer,
    services: Services,
    verifier: Verifier,
    clock: Clock,
    passwords: Passwords,
    throttle: Throttle,
    settings: Settings,
}

impl Service {
    pub(crate) fn new(
        store: Store,
        signer: Signer,
        services: Services,
        verifier: Verifier,
        clock: Clock,
        settings: &Settings,
    ) -> anyhow::Result<Self> {
        let passwords = Passwords::start()?;
        let throttle = Throttle::new(settings.login_failures_per_address.into(), clock.clone());
        Ok(Self { store, signer, services, verifier, clock, passwords, throttle, settings: settings.clone() })
    }

    /// Opens an account; nothing where the name is taken.
    async fn open_account(
        &self,
        username: &Username,
        password: &Password,
        request_id: Option<&RequestId>,
    ) -> Result<Option<User>, Error> {
        let turn = self.passwords.turn().await?;
        // Looked up only now: of many who want one name at once, few cost a hash.
        if self.store.account(username).await?.is_some() {
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
    async fn signed_in(&self, username: &Username, password: Password) -> Result<Option<User>, Error> {
        let account = self.store.account(username).await?;
        let kept = account.as_ref().map(|account| account.password_hash.clone());
        let turn = self.passwords.turn().await?;
        let right = self.passwords.verify(turn, password, kept).await?;
        Ok(account.filter(|_| right).map(|account| account.user))
    }
}

#[tonic::async_trait]
impl UserService for Service {
    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterResponse>, Status> {
        let RegisterRequest { username, password, request_id } = request.into_inner();
        let username = Username::parse(&username)?;
        let password = Password::choose(password, self.settings.password_min_length.into())?;
        let request_id = RequestId::parse(&request_id)?;
        let user = match self.open_account(&username, &password, request_id.as_ref()).await? {
            Some(user) => user,
            None => self.opened_before(&username, password, request_id.as_ref()).await?,
        };
        tracing::info!(user.id = %user.id, "registered");
        Ok(Response::new(RegisterResponse { user: Some(encode_user(user)) }))
    }

    async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginResponse>, Status> {
        let LoginRequest { username, password, client_address } = request.into_inner();
        let username = Username::parse(&username)?;
        let password = Password::claim(password)?;
        let attempt = self.throttle.begin(&username, Address::parse(&client_address)?).await?;
        let Some(user) = self.signed_in(&username, password).await? else {
            attempt.failed();
            return Err(Error::InvalidCredentials.into());
        };
        attempt.succeeded();
        let token = self.signer.mint(&user, self.clock.now(), self.settings.token_ttl)?;
        tracing::info!(user.id = %user.id, "signed in");
        Ok(Response::new(LoginResponse {
            token: token.text,
            expire_time: Some(wire::timestamp(token.expires_at)),
            user: Some(encode_user(user)),
        }))
    }

    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserResponse>, Status> {
        self.verifier.caller(&request)?;
        let id = UserId::parse("id", &request.get_ref().id)?;
        let user = self.store.user(id).await.map_err(Error::from)?.ok_or(Error::UserNotFound)?;
        Ok(Response::new(GetUserResponse { user: Some(encode_user(user)) }))
    }

    async fn batch_get_users(
        &self,
        request: Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        self.verifier.caller(&request).map(drop).or_else(|_| self.verifier.service(&request).map(drop))?;
        let ids = decode_ids(&request.get_ref().ids)?;
        let users = self.store.users(&ids).await.map_err(Error::from)?;
        Ok(Response::new(BatchGetUsersResponse { users: users.into_iter().map(encode_user).collect() }))
    }

    async fn check_picture(
        &self,
        request: Request<CheckPictureRequest>,
    ) -> Result<Response<CheckPictureResponse>, Status> {
        self.verifier.service(&request)?;
        let used = self.store.is_avatar(&request.get_ref().path).await.map_err(Error::from)?;
        Ok(Response::new(CheckPictureResponse { used }))
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

fn encode_user(user: User) -> proto::User {
    proto::User {
        id: user.id.to_string(),
        username: user.username,
        nickname: user.nickname,
        avatar: user.avatar,
        role: encode_role(user.role).into(),
        version: user.version,
        create_time: Some(wire::timestamp(user.created_at)),
        update_time: Some(wire::timestamp(user.updated_at)),
    }
}

fn encode_role(role: Role) -> proto::Role {
    match role {
        Role::User => proto::Role::User,
        Role::Administrator => proto::Role::Administrator,
    }
}
