//! Threats to the WebSocket: who may open one, who may speak on it, for how long, and how much. That a reader who stops
//! reading is dropped is shown in `realtime/slow.rs`.

use std::time::{Duration, Instant};

use chatroom_tests::{
    Shape,
    socket::{Coming, Socket},
};
use futures::future::join_all;
use http::header::{HOST, ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::{
    chat::room::Room,
    realtime::{connect, token},
    suite::{Scenario, scenarios},
    world::{World, fresh_name, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_page_of_a_foreign_or_no_origin_opens_nothing,
        a_token_in_the_address_is_none,
        a_token_among_the_protocols_signs_in_and_is_not_echoed,
        a_bad_token_is_refused,
        a_stranger_is_closed_after_10_seconds,
        a_stranger_may_do_nothing,
        a_message_over_64_kib_closes_the_socket,
        a_flood_is_refused_and_then_cut_off,
        the_eleventh_socket_closes_the_oldest,
        a_peer_is_pinged_and_one_that_is_dead_is_closed_within_a_minute,
        what_is_no_websocket_is_told_so,
    ];
    let own = scenarios![Own: a_socket_ends_with_its_token, an_origin_that_is_allowed_opens_a_socket];
    [shared, own].concat()
}

async fn a_page_of_a_foreign_or_no_origin_opens_nothing(world: World) {
    let base = world.cluster.url();
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "file://", ""] {
        let refused = Socket::open(&base, &[(ORIGIN, origin)]).await.expect_err(origin);
        assert_eq!(refused.status, Some(StatusCode::FORBIDDEN), "{origin}: {refused:?}");
        assert_eq!(refused.envelope["reason"], "ORIGIN_NOT_ALLOWED");
    }
    // What is no browser sends none, and the product's own pages send their host.
    assert!(Socket::open(&base, &[]).await.is_ok());
    assert!(Socket::open(&base, &[(ORIGIN, &base)]).await.is_ok());
}

async fn an_origin_that_is_allowed_opens_a_socket(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_CORS_ORIGINS", "https://h5.example")).await;
    let base = world.cluster.url();
    assert!(Socket::open(&base, &[(ORIGIN, "https://h5.example")]).await.is_ok());
    assert!(Socket::open(&base, &[(ORIGIN, "https://h5.example:444")]).await.is_err());
    assert!(Socket::open(&base, &[(ORIGIN, "https://h5.example"), (ORIGIN, "https://h5.example")]).await.is_err());
}

async fn a_token_in_the_address_is_none(world: World) {
    let user = world.user().await;
    let address = format!("{}/h5/ws?token={}", world.cluster.url(), token(&user));
    let mut socket = Socket::open_at(&address, &[]).await.unwrap();
    let refused = socket.request(json!({"type": "sync", "group": "0123456789abcdef01234567", "after": 0})).await;
    assert_eq!(refused["reason"], "UNAUTHENTICATED");
}

async fn a_token_among_the_protocols_signs_in_and_is_not_echoed(world: World) {
    let room = Room::new(&world).await;
    let protocols = format!("chatroom.v1, token.{}", token(&room.owner));
    let mut socket = Socket::open(&world.cluster.url(), &[(SEC_WEBSOCKET_PROTOCOL, &protocols)]).await.unwrap();
    assert_eq!(socket.protocol.as_deref(), Some("chatroom.v1"));
    let Coming::Frame(connected) = socket.coming().await else {
        panic!("closed in place of being connected");
    };
    assert_eq!((&connected["type"], &connected["user"]), (&json!("connected"), &json!(room.owner.id)));
    assert!(connected["id"].is_null(), "nothing was asked: {connected}");
    let said = socket.say(&room.group, &fresh_name("m"), "你好").await;
    assert_eq!(said["type"], "ack");
}

async fn a_bad_token_is_refused(world: World) {
    let user = world.user().await;
    let good = token(&user);
    let (message, _) = good.rsplit_once('.').expect("a token has three parts");
    let forged = format!("{message}.{}", "A".repeat(86));
    let protocols = format!("chatroom.v1, token.{forged}");
    let refused =
        Socket::open(&world.cluster.url(), &[(SEC_WEBSOCKET_PROTOCOL, &protocols)]).await.expect_err("forged");
    assert_eq!(
        (refused.status, &refused.envelope["reason"]),
        (Some(StatusCode::UNAUTHORIZED), &json!("UNAUTHENTICATED"))
    );
    for token in [forged.as_str(), "", "eyJhbGciOiJub25lIn0.e30."] {
        let mut socket = Socket::open(&world.cluster.url(), &[]).await.unwrap();
        let refused = socket.request(json!({"type": "connect", "token": token})).await;
        assert_eq!((&refused["code"], &refused["reason"]), (&json!(401), &json!("UNAUTHENTICATED")), "{token}");
        assert_eq!(socket.closed().await.0, Some(4001));
    }
}

async fn a_stranger_is_closed_after_10_seconds(world: World) {
    let begun = Instant::now();
    let mut socket = Socket::open(&world.cluster.url(), &[]).await.unwrap();
    assert_eq!(socket.closed().await, (Some(1008), Vec::new()));
    let waited = begun.elapsed();
    assert!(waited > Duration::from_secs(8) && waited < Duration::from_secs(15), "{waited:?}");
}

async fn a_stranger_may_do_nothing(world: World) {
    let room = Room::new(&world).await;
    let mut socket = Socket::open(&world.cluster.url(), &[]).await.unwrap();
    for request in [
        json!({"type": "send", "group": room.group, "clientId": "a", "kind": "text", "content": {"text": "a"}}),
        json!({"type": "sync", "group": room.group, "after": 0}),
        json!({"type": "read", "group": room.group, "seq": 1}),
        json!({"type": "watch", "group": room.group}),
        json!({"type": "typing", "group": room.group}),
        json!({"type": "nonsense"}),
    ] {
        let refused = socket.request(request.clone()).await;
        assert_eq!((&refused["code"], &refused["reason"]), (&json!(401), &json!("UNAUTHENTICATED")), "{request}");
    }
    room.say(&room.owner, "没有人听见").await;
    assert_eq!(room.events(&room.owner, 0).await.len(), 1);
    assert_eq!(socket.coming_within(Duration::from_millis(300)).await, None, "a stranger hears nothing");
}

async fn a_message_over_64_kib_closes_the_socket(world: World) {
    let room = Room::new(&world).await;
    let frame = |length: usize| {
        let empty = json!({"type": "pong", "x": ""}).to_string();
        json!({"type": "pong", "x": "x".repeat(length - empty.len())}).to_string()
    };
    let mut socket = connect(&world, &room.owner).await;
    socket.send_text(frame(64 << 10)).await;
    assert_eq!(socket.say(&room.group, &fresh_name("m"), "还在").await["type"], "ack");
    socket.send_text(frame((64 << 10) + 1)).await;
    assert_eq!(socket.closed().await.0, Some(1009));
}

async fn a_flood_is_refused_and_then_cut_off(world: World) {
    let room = Room::new(&world).await;
    let mut socket = connect(&world, &room.owner).await;
    for _ in 0..400 {
        socket.send(&json!({"type": "typing", "group": room.group})).await;
    }
    let (code, frames) = socket.closed().await;
    assert_eq!(code, Some(1008));
    let error = frames.iter().find(|frame| frame["type"] == "error").expect("it is refused before it is cut off");
    assert_eq!((&error["code"], &error["reason"]), (&json!(429), &json!("RATE_LIMITED")));
    assert!(error["retryMs"].as_u64().is_some_and(|wait| wait > 0), "{error}");
    // Messages have the limit that they have over HTTP, and whoever waits as told goes on.
    let mut socket = connect(&world, &room.owner).await;
    let mut refused = None;
    for _ in 0..20 {
        // Together they are faster than the limit on any machine.
        let texts: Vec<_> = (0..16).map(|_| room.text("快")).collect();
        let said = join_all(texts.iter().map(|text| room.send(&room.owner, text))).await;
        let answer = socket.say(&room.group, &fresh_name("m"), "快").await;
        if answer["type"] == "error" {
            assert!(said.iter().all(|said| said.status.is_success() || said.status == StatusCode::TOO_MANY_REQUESTS));
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the limit is reached");
    assert_eq!(refused["reason"], "RATE_LIMITED");
    tokio::time::sleep(Duration::from_millis(refused["retryMs"].as_u64().expect("how long to wait"))).await;
    assert_eq!(socket.say(&room.group, &fresh_name("m"), "慢").await["type"], "ack");
}

async fn the_eleventh_socket_closes_the_oldest(world: World) {
    let room = Room::new(&world).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(connect(&world, &room.owner).await);
    }
    let mut eleventh = connect(&world, &room.owner).await;
    assert_eq!(sockets.remove(0).closed().await.0, Some(4002));
    let said = eleventh.say(&room.group, &fresh_name("m"), "第十一个").await;
    for socket in &mut sockets {
        assert_eq!(socket.event().await["seq"], said["seq"], "the others stay");
    }
}

async fn a_peer_is_pinged_and_one_that_is_dead_is_closed_within_a_minute(world: World) {
    let room = Room::new(&world).await;
    let (mut alive, mut dead) = (connect(&world, &room.owner).await, connect(&world, &room.owner).await);
    dead.play_dead();
    let said = room.say(&room.owner, "在吗").await;
    let begun = Instant::now();
    let ping = alive.wait_for(|frame| frame["type"] == "ping").await;
    assert!(begun.elapsed() < Duration::from_secs(28), "{:?}", begun.elapsed());
    assert_eq!(ping["heads"][&room.group], said["seq"], "{ping}");
    let (code, frames) = dead.closed().await;
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    assert_eq!(code, Some(1008));
    assert!(frames.iter().filter(|frame| frame["type"] == "ping").count() >= 2, "{frames:?}");
    assert_eq!(alive.say(&room.group, &fresh_name("m"), "在").await["type"], "ack", "who answers lives on");
}

async fn what_is_no_websocket_is_told_so(world: World) {
    let answer = world.client().get("/h5/ws").await;
    assert_eq!((answer.status, answer.reason().as_str()), (StatusCode::UPGRADE_REQUIRED, "UPGRADE_REQUIRED"));
    assert_eq!((answer.header("upgrade"), answer.header("sec-websocket-version")), ("websocket", "13"));
    let posted = world.client().request(Method::POST, "/h5/ws").header(HOST, "a").send().await.unwrap();
    assert_eq!(posted.status(), StatusCode::METHOD_NOT_ALLOWED);
}

async fn a_socket_ends_with_its_token(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_TOKEN_TTL", "10s")).await;
    let room = Room::new(&world).await;
    let begun = Instant::now();
    let mut socket = connect(&world, &room.owner).await;
    let (code, _) = socket.closed().await;
    assert_eq!(code, Some(4001));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    // And it opens none.
    let mut socket = Socket::open(&world.cluster.url(), &[]).await.unwrap();
    let refused = socket.request(json!({"type": "connect", "token": token(&room.owner)})).await;
    assert_eq!(refused["reason"], "UNAUTHENTICATED");
}
