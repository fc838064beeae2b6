//! How much is waited for: what needs one answer more than may be waited for is refused at once, and everything else is
//! served.

mod figures;
mod sockets;

use chatroom_gateway::Patience;
use chatroom_kit::{error::status, testing::Log};
use chatroom_proto::{
    group::v1::{ListGroupsRequest, ListGroupsResponse},
    merchant::v1::{ListMembershipsRequest, ListMembershipsResponse},
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use tokio::{task::JoinHandle, time::timeout};
use tonic::Code;

use crate::{
    held::Held,
    services::Services,
    world::{SOON, World, send},
};

const LIST_MEMBERSHIPS: &str = "/chatroom.merchant.v1.MerchantService/ListMemberships";
const LIST_GROUPS: &str = "/chatroom.group.v1.GroupService/ListGroups";

/// A gateway before a merchant service that answers when it is let, and a group service that answers always.
async fn world(merchants: &Held, flags: &[&str]) -> World {
    let services = Services::default()
        .unary_held::<ListMembershipsRequest, ListMembershipsResponse>(LIST_MEMBERSHIPS, merchants)
        .unary(LIST_GROUPS, |_: tonic::Request<ListGroupsRequest>| Ok(ListGroupsResponse::default()));
    World::with(services, flags, Patience::default()).await
}

fn pages(world: &World) -> RequestBuilder {
    world.signed_in(Method::GET, "/h5/merchant")
}

fn begin(request: RequestBuilder) -> JoinHandle<Response> {
    tokio::spawn(send(request))
}

/// Expects the refusal of what would only wait, whoever asked.
async fn assert_overloaded(request: RequestBuilder) {
    assert_refused(request, 503, "OVERLOADED").await;
}

/// Expects the refusal of an address that has as many answers to wait for as it may.
async fn assert_rate_limited(request: RequestBuilder) {
    assert_refused(request, 429, "RATE_LIMITED").await;
}

async fn assert_refused(request: RequestBuilder, code: u16, reason: &str) {
    let response = send(request).await;
    assert_eq!(response.status(), code);
    assert_eq!(response.headers()["retry-after"], "1");
    let envelope: Value = response.json().await.unwrap();
    assert_eq!((&envelope["code"], &envelope["reason"]), (&code.into(), &reason.into()));
}

#[tokio::test]
async fn what_would_only_wait_is_refused_and_everything_else_is_served() {
    let merchants = Held::silent();
    let world = world(&merchants, &["--max-waiting", "1", "--cors-origins", "https://h5.example"]).await;
    let first = begin(pages(&world));
    merchants.asked(1).await;
    assert_overloaded(pages(&world)).await;
    assert_eq!(merchants.times(), 1, "what is refused reaches no service");

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

    merchants.let_answer(2);
    assert_eq!(first.await.unwrap().status(), 200);
    assert_eq!(send(pages(&world)).await.status(), 200, "its place is free again");
}

#[tokio::test]
async fn who_has_gone_away_is_waited_for_no_longer() {
    let merchants = Held::silent();
    let world = world(&merchants, &["--max-waiting", "1"]).await;
    let gone = begin(pages(&world));
    merchants.asked(1).await;
    gone.abort();
    let served = async {
        loop {
            let mut next = begin(pages(&world));
            tokio::select! {
                () = merchants.asked(2) => {
                    merchants.let_answer(1);
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
async fn an_address_that_has_its_own_places_is_told_so_and_has_none_of_the_others() {
    let merchants = Held::silent();
    let flags = ["--max-waiting", "2", "--max-waiting-per-address", "1", "--trusted-proxies", "127.0.0.1"];
    let world = world(&merchants, &flags).await;
    let from = |address: &str| pages(&world).header("x-forwarded-for", address);
    let first = begin(from("203.0.113.7"));
    merchants.asked(1).await;
    assert_rate_limited(from("203.0.113.7")).await;
    let other = begin(from("203.0.113.8"));
    merchants.asked(2).await;
    assert_overloaded(from("203.0.113.9")).await;
    assert_rate_limited(from("203.0.113.7")).await;
    merchants.let_answer(2);
    assert_eq!((first.await.unwrap().status().as_u16(), other.await.unwrap().status().as_u16()), (200, 200));
}

#[tokio::test]
async fn a_refusal_is_logged_unless_figures_tell_of_it() {
    const NOT_SERVED: &str = "request not served";
    let (log, merchants) = (Log::default(), Held::silent());
    let _listening = log.listen();
    let own = world(&merchants, &["--max-waiting", "1"]).await;
    let first = begin(pages(&own));
    merchants.asked(1).await;
    assert_overloaded(pages(&own)).await;
    assert_eq!(log.lines(NOT_SERVED), 0);
    merchants.let_answer(1);
    first.await.unwrap();

    let services = Services::default().unary(LIST_MEMBERSHIPS, |_: tonic::Request<ListMembershipsRequest>| {
        Err::<ListMembershipsResponse, _>(status(Code::Unavailable, "OVERLOADED", "more waits than may"))
    });
    let by_a_service = World::new(services).await;
    assert_overloaded(pages(&by_a_service)).await;
    assert_eq!(log.lines(NOT_SERVED), 1);
}
