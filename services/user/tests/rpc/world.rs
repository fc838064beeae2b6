//! A running user service, and how it is asked.

use chatroom_kit::{
    auth::Verifier,
    clock::Clock,
    error::{Reason, reason_of},
    link::Link,
    service_token::ServiceSecret,
    testing::{self, FreshDatabase, Tokens},
};
use chatroom_proto::user::v1::{
    BatchGetUsersRequest, GetUserRequest, LoginRequest, LoginResponse, RegisterRequest, User,
    user_service_client::UserServiceClient,
};
use chatroom_user::{Services, Signer, Store, config::Settings};
use chrono::TimeDelta;
use tonic::{Code, Request, Status};

/// A running service.
pub(crate) struct Service {
    pub(crate) link: Link,
    pub(crate) client: UserServiceClient<Link>,
    pub(crate) store: Store,
    pub(crate) verifier: Verifier,
    pub(crate) clock: Clock,
    /// What the service `gateway` proves itself with.
    pub(crate) secret: ServiceSecret,
    _database: FreshDatabase,
}

impl Service {
    /// One whose clock stands still: where a block begins, it does not end by itself.
    pub(crate) async fn start() -> Self {
        Self::start_with(settings()).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        // Ahead of the machine's clock, by which the verifier's library judges `exp`.
        let clock = Clock::standing_at(Clock::system().now());
        let signer = Signer::from_pem(&Signer::generate().unwrap()).unwrap();
        let verifier = Verifier::new(&signer.jwks(), clock.clone()).unwrap();
        Self::start_verifying(signer, verifier, clock, settings).await
    }

    /// One that accepts what `tokens` makes, and no token of its own.
    pub(crate) async fn start_believing(tokens: &Tokens, clock: Clock) -> Self {
        let signer = Signer::from_pem(&Signer::generate().unwrap()).unwrap();
        Self::start_verifying(signer, tokens.verifier(), clock, settings()).await
    }

    pub(crate) async fn start_verifying(signer: Signer, verifier: Verifier, clock: Clock, settings: Settings) -> Self {
        let database = testing::sqlite();
        let store = Store::open(&database.url, 4).await.unwrap();
        let secret = ServiceSecret::random();
        let services = Services::of([("gateway", &secret)]);
        let (opened, verifying, time) = (store.clone(), verifier.clone(), clock.clone());
        let started = chatroom_user::start(opened, nowhere(), signer, services, verifying, time, &settings).await;
        let link = Link::Local(started.unwrap());
        let client = UserServiceClient::new(link.clone());
        Self { link, client, store, verifier, clock, secret, _database: database }
    }

    pub(crate) async fn register(&self, username: &str, password: &str, request_id: &str) -> Result<User, Status> {
        let request =
            RegisterRequest { username: username.into(), password: password.into(), request_id: request_id.into() };
        Ok(self.client.clone().register(request).await?.into_inner().user.unwrap())
    }

    pub(crate) async fn login_from(
        &self,
        address: &str,
        username: &str,
        password: &str,
    ) -> Result<LoginResponse, Status> {
        let request =
            LoginRequest { username: username.into(), password: password.into(), client_address: address.into() };
        Ok(self.client.clone().login(request).await?.into_inner())
    }

    pub(crate) async fn login(&self, username: &str, password: &str) -> Result<LoginResponse, Status> {
        self.login_from("203.0.113.7", username, password).await
    }

    pub(crate) async fn get_user(&self, id: &str, token: Option<&str>) -> Result<User, Status> {
        let mut request = Request::new(GetUserRequest { id: id.into() });
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        Ok(self.client.clone().get_user(request).await?.into_inner().user.unwrap())
    }

    pub(crate) async fn batch_get_users(&self, ids: &[String], token: &str) -> Result<Vec<User>, Status> {
        let request = Tokens::request(token, BatchGetUsersRequest { ids: ids.to_vec() });
        Ok(self.client.clone().batch_get_users(request).await?.into_inner().users)
    }
}

/// The way to a service that is not there.
fn nowhere() -> Link {
    Link::connect(&["http://127.0.0.1:1".parse().unwrap()], None).unwrap()
}

pub(crate) fn settings() -> Settings {
    Settings { token_ttl: TimeDelta::days(7), password_min_length: 6, login_failures_per_address: 10 }
}

pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, Reason) {
    let status = outcome.unwrap_err();
    (status.code(), reason_of(&status).unwrap())
}

pub(crate) fn reason<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let (code, reason) = refused(outcome);
    (code, reason.reason)
}
