//! What a service gets for its secret, through the kit's `ServiceTokens` as every service uses it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use chatroom_kit::{
    auth::Verifier,
    clock::Clock,
    error::reason_of,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    testing::{self, FreshDatabase},
};
use chatroom_proto::user::v1::{IssueServiceTokenRequest, user_service_client::UserServiceClient};
use chatroom_user::{Services, Signer, Store, config::Settings};
use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request};

/// A service that knows another one, and that one's secret.
struct Pair {
    users: Link,
    secret: ServiceSecret,
    verifier: Verifier,
    clock: Clock,
    _database: FreshDatabase,
}

impl Pair {
    async fn start() -> Self {
        let database = testing::sqlite();
        let store = Store::open(&database.url, 1).await.unwrap();
        let clock = Clock::standing_at(Clock::system().now());
        let signer = Signer::from_pem(&Signer::generate().unwrap()).unwrap();
        let verifier = Verifier::new(&signer.jwks(), clock.clone()).unwrap();
        let secret = ServiceSecret::random();
        let services = Services::of([("gateway", &secret)]);
        let settings =
            Settings { token_ttl: TimeDelta::days(7), password_min_length: 6, login_failures_per_address: 10 };
        let files = Link::connect(&["http://127.0.0.1:1".parse().unwrap()], None).unwrap();
        let routes =
            chatroom_user::start(store, files, signer, services, verifier.clone(), clock.clone(), &settings).await;
        Self { users: Link::Local(routes.unwrap()), secret, verifier, clock, _database: database }
    }

    fn tokens(&self, name: &'static str, stop: &CancellationToken) -> ServiceTokens {
        ServiceTokens::follow(name, self.secret.clone(), self.users.clone(), self.clock.clone(), stop.clone())
    }

    fn named<T>(&self, request: &Request<T>) -> Option<String> {
        self.verifier.service(request).ok().map(|service| service.name.clone())
    }
}

fn bearer<T>(request: &Request<T>) -> String {
    request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_service_calls_in_its_own_name_and_is_no_user() {
    let pair = Pair::start().await;
    let tokens = pair.tokens("gateway", &CancellationToken::new());
    let request = tokens.request(()).await.unwrap();
    assert_eq!(pair.named(&request).as_deref(), Some("gateway"));
    assert!(pair.verifier.caller(&request).is_err());
    assert_eq!(bearer(&request), bearer(&tokens.request(()).await.unwrap()), "one token serves many calls");
    pair.clock.advance(Duration::from_mins(10));
    assert_eq!(pair.named(&request), None, "a token ends after ten minutes");
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_replaced() {
    let pair = Pair::start().await;
    let tokens = pair.tokens("gateway", &CancellationToken::new());
    let first = bearer(&tokens.request(()).await.unwrap());
    tokio::time::pause();
    let refused = pair.verifier.caller(&Request::new(())).map(drop).map_err(tonic::Status::from);
    assert!(tokens.note(refused).is_err());
    let replaced = async {
        while bearer(&tokens.request(()).await.unwrap()) == first {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), replaced).await.expect("another token is got");
}

#[tokio::test]
async fn who_proves_nothing_gets_the_same_answer_and_calls_nobody() {
    let pair = Pair::start().await;
    let mut users = UserServiceClient::new(pair.users.clone());
    let mut answers = Vec::new();
    for (service, secret) in [("gateway", "wrong"), ("bot", pair.secret.reveal()), ("", ""), ("gateway", "")] {
        let request = IssueServiceTokenRequest { service: service.to_owned(), secret: secret.to_owned() };
        let status = users.issue_service_token(request).await.unwrap_err();
        answers.push((status.code(), status.message().to_owned(), reason_of(&status).unwrap().reason));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!((answers[0].0, &*answers[0].2), (Code::Unauthenticated, "UNAUTHENTICATED"));
    let status = pair.tokens("bot", &CancellationToken::new()).request(()).await.unwrap_err();
    assert_eq!(reason_of(&status).unwrap().reason, "UPSTREAM_UNAVAILABLE");
}
