//! How much is waited for: what needs one answer more than may be waited for is refused at once, and everything else is
//! served.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use chatroom_gateway::Patience;
use chatroom_proto::{
    group::v1::{ListGroupsRequest, ListGroupsResponse},
    merchant::v1::{ListMembershipsRequest, ListMembershipsResponse},
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, yield_now},
    time::timeout,
};

use crate::{
    services::Services,
    world::{SOON, World, send},
};

const LIST_MEMBERSHIPS: &str = "/chatroom.merchant.v1.MerchantService/ListMemberships";
const LIST_GROUPS: &str = "/chatroom.group.v1.GroupService/ListGroups";

/// A merchant service that answers as often as it is let.
#[derive(Clone)]
struct Merchants {
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Merchants {
    fn silent() -> Self {
        Self { asked: Arc::default(), answers: Arc::new(Semaphore::new(0)) }
    }

    /// A gateway before it and a group service that answers always.
    async fn world(&self, flags: &[&str]) -> World {
        let merchants = self.clone();
        let services = Services::default()
            .unary_in_time(LIST_MEMBERSHIPS, move |_: tonic::Request<ListMembershipsRequest>| {
                let merchants = merchants.clone();
                async move {
                    merchants.asked.fetch_add(1, SeqCst);
                    merchants.answers.acquire().await.unwrap().forget();
                    Ok(ListMembershipsResponse::default())
                }
            })
            .unary(LIST_GROUPS, |_: tonic::Request<ListGroupsRequest>| Ok(ListGroupsResponse::default()));
        World::with(services, flags, Patience::default()).await
    }

    /// Waits until it has been asked so often.
    async fn asked(&self, times: usize) {
        let asked = async {
            while self.asked.load(SeqCst) < times {
                yield_now().await;
            }
        };
        timeout(SOON, asked).await.expect("it is asked in time");
    }
}

fn pages(world: &World) -> RequestBuilder {
    world.signed_in(Method::GET, "/h5/merchant")
}

fn begin(request: RequestBuilder) -> JoinHandle<Response> {
    tokio::spawn(send(request))
}

/// Expects the refusal of what would only wait.
async fn assert_refused(request: RequestBuilder) {
    let response = send(request).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "1");
    let envelope: Value = response.json().await.unwrap();
    assert_eq!((&envelope["code"], &envelope["reason"]), (&503.into(), &"OVERLOADED".into()));
}

#[tokio::test]
async fn what_would_only_wait_is_refused_and_everything_else_is_served() {
    let merchants = Merchants::silent();
    let world = merchants.world(&["--max-waiting", "1", "--cors-origins", "https://h5.example"]).await;
    let first = begin(pages(&world));
    merchants.asked(1).await;
    assert_refused(pages(&world)).await;
    assert_eq!(merchants.asked.load(SeqCst), 1, "what is refused reaches no service");

    let groups = r#"{"merchant":"64e2e53561a25a30db767a40"}"#;
    let groups =
        world.signed_in(Method::POST, "/h5/group/getGroup").header("content-type", "application/json").body(groups);
    assert_eq!(send(groups).await.status(), 200, "another service is not held up");
    for path in ["/healthz", "/.well-known/jwks.json", "/openapi.json"] {
        assert_ne!(send(world.request(Method::GET, path)).await.status(), 503, "{path}");
    }
    let foreign = send(pages(&world).header("origin", "https://h5.example")).await;
    assert_eq!(
        (foreign.status().as_u16(), &foreign.headers()["access-control-allow-origin"]),
        (503, &"https://h5.example".parse().unwrap())
    );

    merchants.answers.add_permits(2);
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(send(pages(&world)).await.status(), 200, "its place is free again");
}

#[tokio::test]
async fn who_has_gone_away_is_waited_for_no_longer() {
    let merchants = Merchants::silent();
    let world = merchants.world(&["--max-waiting", "1"]).await;
    let gone = begin(pages(&world));
    merchants.asked(1).await;
    gone.abort();
    let served = async {
        loop {
            let mut next = begin(pages(&world));
            tokio::select! {
                () = merchants.asked(2) => {
                    merchants.answers.add_permits(1);
                    return next.await.unwrap();
                }
                answer = &mut next => assert_eq!(answer.unwrap().status(), 503),
            }
        }
    };
    let answer = timeout(SOON, served).await.expect("the place is free in time");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn one_address_cannot_have_all_places() {
    let merchants = Merchants::silent();
    let flags = ["--max-waiting", "2", "--max-waiting-per-address", "1", "--trusted-proxies", "127.0.0.1"];
    let world = merchants.world(&flags).await;
    let from = |address: &str| pages(&world).header("x-forwarded-for", address);
    let first = begin(from("203.0.113.7"));
    merchants.asked(1).await;
    assert_refused(from("203.0.113.7")).await;
    let other = begin(from("203.0.113.8"));
    merchants.asked(2).await;
    assert_refused(from("203.0.113.9")).await;
    merchants.answers.add_permits(2);
    assert_eq!((first.await.unwrap().status().as_u16(), other.await.unwrap().status().as_u16()), (200, 200));
}
