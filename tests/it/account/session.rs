//! Sessions: logout, logout everywhere, another password, renewal; and how soon every replica knows.

use std::time::{Duration, Instant};

use chatroom_proto::{
    file::v1::{UploadFileRequest, file_service_client::FileServiceClient},
    group::v1::{ListGroupsRequest, group_service_client::GroupServiceClient},
    merchant::v1::{ListMembershipsRequest, merchant_service_client::MerchantServiceClient},
    user::v1::{GetUserRequest, user_service_client::UserServiceClient},
};
use chatroom_tests::{Client, Part, Process, Shape};
use futures::stream;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tonic::{
    Code, Request, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    realtime::connect,
    suite::{Scenario, scenarios},
    world::{User, World, fresh_password, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_logout_ends_one_session_and_leaves_the_others,
        a_logout_everywhere_ends_them_all,
        a_new_password_ends_all_sessions_and_begins_one,
        a_young_token_is_answered_as_it_is,
        sockets_close_with_their_session,
    ];
    let services = scenarios![Services: every_replica_refuses_within_ten_seconds];
    let own = scenarios![Own: a_token_near_its_end_is_renewed];
    [shared, services, own].concat()
}

/// Waits until the client's token is good no more, for the ten seconds that are promised.
pub(crate) async fn signed_out(client: &Client) {
    let begun = Instant::now();
    loop {
        let answer = client.get("/h5/merchant").await;
        if answer.status != StatusCode::OK {
            assert_eq!((answer.status, &*answer.reason()), (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"), "{answer:?}");
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "the token is still taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_logout_ends_one_session_and_leaves_the_others(world: World) {
    let phone = world.user().await;
    let tablet = sign_in(&world.client(), &phone.name, &phone.password).await;
    assert_eq!(phone.client.post("/h5/user/logout", &json!({})).await.ok().json()["data"], Value::Null);
    signed_out(&phone.client).await;
    tablet.client.get("/h5/merchant").await.ok();
    let again = phone.client.post("/h5/user/logout", &json!({})).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "{again:?}");
    sign_in(&world.client(), &phone.name, &phone.password).await.client.get("/h5/merchant").await.ok();
}

async fn a_logout_everywhere_ends_them_all(world: World) {
    let phone = world.user().await;
    let tablet = sign_in(&world.client(), &phone.name, &phone.password).await;
    phone.client.post("/h5/user/logoutAll", &json!({})).await.ok();
    signed_out(&phone.client).await;
    signed_out(&tablet.client).await;
    sign_in(&world.client(), &phone.name, &phone.password).await.client.get("/h5/merchant").await.ok();
}

async fn a_new_password_ends_all_sessions_and_begins_one(world: World) {
    let phone = world.user().await;
    let tablet = sign_in(&world.client(), &phone.name, &phone.password).await;
    let new = fresh_password();
    let wrong = phone.client.post("/h5/user/password", &json!({"old": new, "new": new})).await;
    assert_eq!((wrong.status, &*wrong.reason()), (StatusCode::FORBIDDEN, "PASSWORD_WRONG"));
    for (body, field) in [(json!({"old": phone.password, "new": "12345"}), "new"), (json!({"new": new}), "old")] {
        let answer = phone.client.post("/h5/user/password", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        assert!(answer.json()["msg"].as_str().unwrap().contains(field), "{answer:?}");
    }
    let answer = phone.client.post("/h5/user/password", &json!({"old": phone.password, "new": new})).await.ok();
    let token = answer.data()["token"].as_str().unwrap().to_owned();
    signed_out(&phone.client).await;
    signed_out(&tablet.client).await;
    phone.client.with_token(token).get("/h5/merchant").await.ok();
    // At once, and not only in the next second, by which tokens count.
    sign_in(&world.client(), &phone.name, &new).await.client.get("/h5/merchant").await.ok();
    let old = world.client().login(&phone.name, &phone.password).await;
    assert_eq!(old.reason(), "INVALID_CREDENTIALS");
}

async fn a_young_token_is_answered_as_it_is(world: World) {
    let user = world.user().await;
    let data = user.client.post("/h5/user/renew", &json!({})).await.ok().data();
    assert_eq!(data["token"].as_str(), user.client.token());
    assert!(data["expiresAt"].as_str().is_some_and(|time| time.contains(".000Z")), "{data}");
}

async fn a_token_near_its_end_is_renewed(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_TOKEN_TTL", "12s")).await;
    let user = world.user().await;
    let first = user.client.token().unwrap().to_owned();
    let renewed = async {
        loop {
            let token = user.client.post("/h5/user/renew", &json!({})).await.ok().data()["token"].take();
            if token != first.as_str() {
                return token.as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let second = tokio::time::timeout(Duration::from_secs(12), renewed).await.expect("it is renewed before its end");
    let second = user.client.with_token(second);
    while user.client.get("/h5/merchant").await.status == StatusCode::OK {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    second.get("/h5/merchant").await.ok();
    second.post("/h5/user/logout", &json!({})).await.ok();
    signed_out(&second).await;
}

async fn sockets_close_with_their_session(world: World) {
    let administrator = world.administrator().await;
    let [logout, everywhere, password, disabled] =
        [world.user().await, world.user().await, world.user().await, world.user().await];
    let tablet = sign_in(&world.client(), &logout.name, &logout.password).await;
    let mut left_alone = connect(&world, &tablet).await;
    let mut sockets = Vec::new();
    for user in [&logout, &everywhere, &password, &disabled] {
        sockets.push(connect(&world, user).await);
    }
    let begun = Instant::now();
    logout.client.post("/h5/user/logout", &json!({})).await.ok();
    everywhere.client.post("/h5/user/logoutAll", &json!({})).await.ok();
    let passwords = json!({"old": password.password, "new": fresh_password()});
    password.client.post("/h5/user/password", &passwords).await.ok();
    administrator.client.post("/h5/admin/user/disable", &json!({"user": disabled.id})).await.ok();
    for socket in &mut sockets {
        assert_eq!(socket.closed().await.0, Some(4001));
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // The clock's round, which looks at every token, has passed over it meanwhile or does now.
    let closed = tokio::time::timeout(Duration::from_secs(6), left_alone.closed()).await;
    assert!(closed.is_err(), "another session's socket stays open: {closed:?}");
}

/// Something that accepts tokens.
enum Replica {
    Gateway(Client),
    Service(Part, Channel),
}

impl Replica {
    async fn service(world: &World, part: Part) -> Self {
        let address = format!("http://{}", world.cluster.address_of(part));
        Self::Service(part, Endpoint::from_shared(address).unwrap().connect().await.unwrap())
    }

    /// Whether it accepts the token.
    async fn accepts(&self, token: &str) -> bool {
        let outcome = match self {
            Self::Gateway(client) => {
                return client.with_token(token).get("/h5/merchant").await.status == StatusCode::OK;
            }
            Self::Service(part, channel) => ask(*part, channel.clone(), token).await,
        };
        !matches!(outcome, Err(status) if status.code() == Code::Unauthenticated)
    }
}

/// Asks a service something for which a token is needed.
async fn ask(part: Part, channel: Channel, token: &str) -> Result<(), Status> {
    let id = "0123456789abcdef01234567".to_owned();
    match part {
        Part::User => UserServiceClient::new(channel).get_user(signed(token, GetUserRequest { id })).await.map(drop),
        Part::Merchant => {
            let request = signed(token, ListMembershipsRequest::default());
            MerchantServiceClient::new(channel).list_memberships(request).await.map(drop)
        }
        Part::Group => {
            let request = signed(token, ListGroupsRequest { merchant: id, ..Default::default() });
            GroupServiceClient::new(channel).list_groups(request).await.map(drop)
        }
        Part::File => {
            let request = signed(token, stream::iter([UploadFileRequest::default()]));
            FileServiceClient::new(channel).upload_file(request).await.map(drop)
        }
        Part::Standalone | Part::Gateway => unreachable!("it speaks no gRPC"),
    }
}

fn signed<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

/// How long it takes from `end` until the last of `replicas` refuses the user's token.
async fn time_to_refusal(replicas: &[Replica], user: &User, end: impl AsyncFnOnce()) -> Duration {
    let token = user.client.token().unwrap();
    for replica in replicas {
        // Each has seen it while it was good, and so remembers it.
        assert!(replica.accepts(token).await);
    }
    end().await;
    let begun = Instant::now();
    let refusals = replicas.iter().map(|replica| async {
        while replica.accepts(token).await {
            assert!(begun.elapsed() < Duration::from_secs(10), "an ended token is still accepted");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        begun.elapsed()
    });
    futures::future::join_all(refusals).await.into_iter().max().unwrap()
}

async fn every_replica_refuses_within_ten_seconds(world: World) {
    let mut environment = world.cluster.environment(Part::Gateway);
    environment.insert("CHATROOM_LISTEN", "127.0.0.1:0".to_owned());
    let other = Process::start(Part::Gateway.binary(), &environment);
    let mut replicas =
        vec![Replica::Gateway(world.client()), Replica::Gateway(Client::new(format!("http://{}", other.address())))];
    for part in [Part::User, Part::Merchant, Part::Group, Part::File] {
        replicas.push(Replica::service(&world, part).await);
    }
    let administrator = world.administrator().await;
    for _ in 0..5 {
        let user = world.user().await;
        let post = async |path: &str, body| drop(user.client.post(path, &body).await.ok());
        let logout = time_to_refusal(&replicas, &user, async || post("/h5/user/logout", json!({})).await).await;
        let user = world.user().await;
        let body = json!({"old": user.password, "new": fresh_password()});
        let password = time_to_refusal(&replicas, &user, async || {
            user.client.post("/h5/user/password", &body).await.ok();
        })
        .await;
        let user = world.user().await;
        let body = json!({"user": user.id});
        let disabled = time_to_refusal(&replicas, &user, async || {
            administrator.client.post("/h5/admin/user/disable", &body).await.ok();
        })
        .await;
        eprintln!(
            "until the last of 2 gateways and 4 services refuses: logout {logout:?}, password {password:?}, disabled {disabled:?}"
        );
    }
}
