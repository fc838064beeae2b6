//! Ending and renewing sessions, and hearing of it in another process.

use std::time::Duration;

use chatroom_kit::link::Link;
use chatroom_kit::{
    account_feed::AccountFeed, auth::Verifier, clock::Clock, service_token::ServiceTokens, testing::Tokens,
};
use chatroom_proto::user::v1::{
    ChangePasswordRequest, ChangePasswordResponse, DisableAccountRequest, EnableAccountRequest, EndSessionsRequest,
    FindAccountsRequest, ListAccountChangesRequest, LogoutAllRequest, LogoutRequest, RenewTokenRequest,
    admin_service_client::AdminServiceClient, session_service_client::SessionServiceClient,
};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::world::{Service, reason};

/// Longer than anything in this process takes.
const PATIENCE: Duration = Duration::from_secs(10);

impl Service {
    fn sessions(&self) -> SessionServiceClient<Link> {
        SessionServiceClient::new(self.link.clone())
    }

    fn administration(&self) -> AdminServiceClient<Link> {
        AdminServiceClient::new(self.link.clone())
    }

    /// Another process that accepts the service's tokens and hears what becomes of them.
    fn replica(&self) -> Replica {
        let verifier = Verifier::new(&self.verifier.jwks(), self.clock.clone()).unwrap();
        let stop = CancellationToken::new();
        let tokens =
            ServiceTokens::follow("gateway", self.secret.clone(), self.link.clone(), self.clock.clone(), stop.clone());
        let feed = AccountFeed::follow(verifier.clone(), self.link.clone(), tokens, stop.clone());
        Replica { verifier, feed, _stop: stop.drop_guard() }
    }

    async fn token(&self, name: &str) -> String {
        self.login(name, "123456").await.unwrap().token
    }

    async fn change_password(&self, token: &str, old: &str, new: &str) -> Result<ChangePasswordResponse, Status> {
        let request = ChangePasswordRequest {
            old_password: old.into(),
            new_password: new.into(),
            client_address: "203.0.113.9".into(),
        };
        Ok(self.sessions().change_password(Tokens::request(token, request)).await?.into_inner())
    }

    async fn renew(&self, token: &str) -> Result<String, Status> {
        Ok(self.sessions().renew_token(Tokens::request(token, RenewTokenRequest {})).await?.into_inner().token)
    }
}

struct Replica {
    verifier: Verifier,
    feed: AccountFeed,
    _stop: tokio_util::sync::DropGuard,
}

impl Replica {
    async fn accepts(&self, token: &str) -> bool {
        self.feed.catch_up(PATIENCE).await;
        self.verifier.verify(token).is_ok()
    }
}

#[tokio::test]
async fn a_logout_ends_its_own_session_everywhere() {
    let service = Service::start().await;
    let replica = service.replica();
    service.register("lily", "123456", "").await.unwrap();
    let [phone, tablet] = [service.token("lily").await, service.token("lily").await];
    assert!(replica.accepts(&phone).await);
    let held = replica.verifier.verify(&phone).unwrap();
    let mut told = replica.verifier.revoked();

    service.sessions().logout(Tokens::request(&phone, LogoutRequest {})).await.unwrap();
    assert!(!replica.accepts(&phone).await && replica.accepts(&tablet).await);
    assert!(told.has_changed().unwrap() && !replica.verifier.is_good(&held));
    told.mark_unchanged();
    assert!(!service.replica().accepts(&phone).await, "a process that begins later knows it too");
}

#[tokio::test]
async fn a_logout_everywhere_ends_all_sessions_and_no_later_one() {
    let service = Service::start().await;
    let replica = service.replica();
    service.register("lily", "123456", "").await.unwrap();
    service.register("rose", "123456", "").await.unwrap();
    let [phone, tablet, roses] =
        [service.token("lily").await, service.token("lily").await, service.token("rose").await];
    service.sessions().logout_all(Tokens::request(&phone, LogoutAllRequest {})).await.unwrap();
    let next = service.token("lily").await;
    assert!(!replica.accepts(&phone).await && !replica.accepts(&tablet).await);
    assert!(replica.accepts(&next).await && replica.accepts(&roses).await);
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_but_the_one_it_begins() {
    let service = Service::start().await;
    let replica = service.replica();
    service.register("lily", "123456", "").await.unwrap();
    let old = service.token("lily").await;
    let wrong = service.change_password(&old, "1234567", "654321").await;
    assert_eq!(reason(wrong), (Code::PermissionDenied, "PASSWORD_WRONG".into()));
    let short = service.change_password(&old, "123456", "12345").await;
    assert_eq!(reason(short).0, Code::InvalidArgument);

    let new = service.change_password(&old, "123456", "654321").await.unwrap().token;
    assert!(!replica.accepts(&old).await && replica.accepts(&new).await);
    assert_eq!(reason(service.login("lily", "123456").await).1, "INVALID_CREDENTIALS");
    service.login("lily", "654321").await.unwrap();
    // This very service has heard nothing yet, and looks.
    let again = service.change_password(&old, "654321", "123456").await;
    assert_eq!(reason(again), (Code::Unauthenticated, "UNAUTHENTICATED".into()));
}

#[tokio::test]
async fn wrong_old_passwords_count_as_failed_logins() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let token = service.token("lily").await;
    for _ in 0..10 {
        assert_eq!(reason(service.change_password(&token, "1234567", "654321").await).1, "PASSWORD_WRONG");
    }
    let blocked = service.change_password(&token, "123456", "654321").await;
    assert_eq!(reason(blocked), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS".into()));
    let login = service.login_from("203.0.113.9", "lily", "123456").await;
    assert_eq!(reason(login).1, "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn a_token_is_renewed_in_the_second_half_of_its_time() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let first = service.token("lily").await;
    assert_eq!(service.renew(&first).await.unwrap(), first);
    service.clock.advance(Duration::from_hours(24 * 4));
    let second = service.renew(&first).await.unwrap();
    assert_ne!(second, first);
    let (old, new) = (service.verifier.verify(&first).unwrap(), service.verifier.verify(&second).unwrap());
    assert_eq!((old.id, &old.session), (new.id, &new.session));
    assert_eq!(new.expires, service.clock.now().timestamp() + 7 * 24 * 60 * 60);
}

#[tokio::test]
async fn a_renewed_token_ends_with_its_session() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let first = service.token("lily").await;
    service.clock.advance(Duration::from_hours(24 * 4));
    let replica = service.replica();
    let second = service.renew(&first).await.unwrap();
    service.sessions().logout(Tokens::request(&first, LogoutRequest {})).await.unwrap();
    assert!(!replica.accepts(&first).await && !replica.accepts(&second).await);
    // Not even in the moment before this service itself has heard of it.
    assert_eq!(reason(service.renew(&second).await).1, "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_disabled_account_is_stopped_until_it_is_enabled() {
    let service = Service::start().await;
    let replica = service.replica();
    let lily = service.register("lily", "123456", "").await.unwrap();
    let root = service.register("root", "123456", "").await.unwrap();
    chatroom_user::grant_admin(&service.store, "root", &service.clock).await.unwrap();
    let (before, root_token) = (service.token("lily").await, service.token("root").await);
    let ask = |user: &str| Tokens::request(&root_token, DisableAccountRequest { user: user.into() });

    let own = service.administration().disable_account(ask(&root.id)).await;
    assert_eq!(reason(own), (Code::FailedPrecondition, "OWN_ACCOUNT".into()));
    let account = service.administration().disable_account(ask(&lily.id)).await.unwrap().into_inner().account.unwrap();
    assert!(account.disable_time.is_some());
    let again = service.administration().disable_account(ask(&lily.id)).await.unwrap().into_inner().account;
    assert_eq!(again, Some(account));
    assert!(!replica.accepts(&before).await && replica.accepts(&root_token).await);
    assert_eq!(reason(service.login("lily", "123456").await), (Code::PermissionDenied, "ACCOUNT_DISABLED".into()));
    assert_eq!(reason(service.login("lily", "1234567").await).1, "INVALID_CREDENTIALS");

    let enable = Tokens::request(&root_token, EnableAccountRequest { user: lily.id });
    let account = service.administration().enable_account(enable).await.unwrap().into_inner().account.unwrap();
    assert_eq!(account.disable_time, None);
    assert!(!replica.accepts(&before).await, "what was ended stays so");
    assert!(replica.accepts(&service.token("lily").await).await);
}

#[tokio::test]
async fn only_who_is_an_administrator_now_may_act_as_one() {
    let service = Service::start().await;
    let lily = service.register("lily", "123456", "").await.unwrap();
    service.register("root", "123456", "").await.unwrap();
    chatroom_user::grant_admin(&service.store, "root", &service.clock).await.unwrap();
    let token = service.token("root").await;
    let end = |token: &str| Tokens::request(token, EndSessionsRequest { user: lily.id.clone() });
    let find = |token: &str| Tokens::request(token, FindAccountsRequest::default());
    service.administration().end_sessions(end(&token)).await.unwrap();
    chatroom_user::revoke_admin(&service.store, "root", &service.clock).await.unwrap();
    for outcome in [
        service.administration().end_sessions(end(&token)).await.map(drop),
        service.administration().find_accounts(find(&token)).await.map(drop),
        service.administration().find_accounts(find(&service.token("lily").await)).await.map(drop),
    ] {
        assert_eq!(reason(outcome), (Code::PermissionDenied, "ADMIN_ONLY".into()));
    }
}

#[tokio::test]
async fn only_services_read_the_feed() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let token = service.token("lily").await;
    let request = Tokens::request(&token, ListAccountChangesRequest::default());
    assert_eq!(reason(service.sessions().list_account_changes(request).await).0, Code::Unauthenticated);
    let tokens = Tokens::new(Clock::standing_at(service.clock.now()));
    let service = Service::start_believing(&tokens, service.clock.clone()).await;
    let request = Tokens::request(&tokens.service("gateway"), ListAccountChangesRequest::default());
    let answer = service.sessions().list_account_changes(request).await.unwrap().into_inner();
    assert_eq!((answer.changes.len(), answer.last, answer.more), (0, 0, false));
}
