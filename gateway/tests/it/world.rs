//! A running gateway and a client of it.

use std::{net::SocketAddr, sync::OnceLock, time::Duration};

use chatroom_gateway::{Gateway, Patience, config::Settings};
use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    bus::Bus,
    clock::Clock,
    ids::UserId,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    testing::Tokens,
};
use clap::Parser;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::services::Services;

/// How long a test waits for what must come.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A running gateway; it stops when this is dropped.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<anyhow::Result<()>>,
    pub(crate) client: Client,
    _stop_at_the_end: DropGuard,
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

/// The settings that flags give.
pub(crate) fn settings(flags: &[&str]) -> Settings {
    try_settings(flags).unwrap()
}

/// The settings that flags give, where they are right.
pub(crate) fn try_settings(flags: &[&str]) -> Result<Settings, clap::Error> {
    Flags::try_parse_from(["gateway"].iter().chain(flags)).map(|flags| flags.settings)
}

impl World {
    /// A gateway before `services`, with every setting at its default.
    pub(crate) async fn new(services: Services) -> Self {
        Self::with(services, &[], Patience::default()).await
    }

    /// A gateway before `services`.
    pub(crate) async fn with(services: Services, flags: &[&str], patience: Patience) -> Self {
        Self::on(Link::Local(services.routes()), flags, patience).await
    }

    /// A gateway that reaches every service by `link`.
    pub(crate) async fn on(link: Link, flags: &[&str], patience: Patience) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (secret, clock) = (ServiceSecret::random(), Clock::system());
        let service_tokens = ServiceTokens::follow("gateway", secret, link.clone(), clock, stop.clone());
        let gateway = Gateway {
            accounts: AccountFeed::follow(verifier(), link.clone(), service_tokens.clone(), stop.clone()),
            service_tokens,
            bus: Bus::local(),
            user: link.clone(),
            merchant: link.clone(),
            group: link.clone(),
            file: link,
            verifier: verifier(),
            settings: settings(flags),
        };
        let served = tokio::spawn(chatroom_gateway::serve_with(listener, gateway, patience, stop.clone()));
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, stop: stop.clone(), served, client, _stop_at_the_end: stop.drop_guard() }
    }

    /// A request that says nothing of who sends it.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.address))
    }

    /// A request of a signed-in user.
    pub(crate) fn signed_in(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header("token", token())
    }
}

fn tokens() -> &'static Tokens {
    static TOKENS: OnceLock<Tokens> = OnceLock::new();
    TOKENS.get_or_init(|| Tokens::new(Clock::system()))
}

fn verifier() -> Verifier {
    tokens().verifier()
}

/// The token of a user that no other test is.
pub(crate) fn token() -> String {
    tokens().user(UserId::new())
}

/// What a request is answered with.
pub(crate) async fn send(request: RequestBuilder) -> Response {
    timeout(SOON, request.send()).await.expect("an answer in time").expect("an answer")
}

/// The status, `reason` and `msg` of a refusal.
pub(crate) async fn refusal(request: RequestBuilder) -> (u16, String, String) {
    let response = send(request).await;
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/json");
    let envelope: Value = response.json().await.unwrap();
    assert_eq!(envelope["code"], status);
    assert_eq!(envelope["data"], Value::Null);
    let text = |name: &str| envelope[name].as_str().unwrap().to_owned();
    (status, text("reason"), text("msg"))
}
