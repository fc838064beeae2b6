//! The same on sockets: each takes the places of its client's address.

use chatroom_gateway::Patience;
use chatroom_proto::message::v1::{
    ListConversationsRequest, ListConversationsResponse, SyncEventsRequest, SyncEventsResponse,
};
use serde_json::{Value, json};

use crate::{
    held::Held,
    services::Services,
    socket::Socket,
    world::{World, token},
};

const LIST_CONVERSATIONS: &str = "/chatroom.message.v1.MessageService/ListConversations";
const SYNC_EVENTS: &str = "/chatroom.message.v1.MessageService/SyncEvents";
const FLAGS: [&str; 6] = ["--max-waiting", "2", "--max-waiting-per-address", "1", "--trusted-proxies", "127.0.0.1"];

async fn open(world: &World, address: &str) -> Socket {
    Socket::open(world, &[("x-forwarded-for", address)]).await
}

fn connect() -> Value {
    connect_by(&token())
}

fn connect_by(token: &str) -> Value {
    json!({"id": 1, "type": "connect", "token": token})
}

async fn connected(world: &World, address: &str) -> Socket {
    connected_by(world, address, &token()).await
}

async fn connected_by(world: &World, address: &str, token: &str) -> Socket {
    let mut socket = open(world, address).await;
    socket.send(connect_by(token)).await;
    assert_eq!(socket.coming().await["type"], "connected");
    socket
}

fn sync() -> Value {
    json!({"id": 2, "type": "sync", "group": "64e313309054f1bdf19707c1", "epoch": "e", "after": 0})
}

/// Expects to be told to try again in a second.
async fn assert_refused(socket: &mut Socket, id: Value, code: u16, reason: &str) {
    let refused = socket.coming().await;
    assert_eq!(
        (&refused["id"], &refused["type"], &refused["code"], &refused["reason"], &refused["retryMs"]),
        (&id, &json!("error"), &json!(code), &json!(reason), &json!(1000))
    );
}

/// Expects that the socket still answers.
async fn assert_open(socket: &mut Socket) {
    socket.send(json!({"id": 2, "type": "watch", "group": "64e313309054f1bdf19707c1"})).await;
    assert_eq!(socket.coming().await["reason"], "NOT_GROUP_MEMBER");
}

#[tokio::test]
async fn sockets_of_one_address_cannot_have_all_places() {
    let events = Held::silent();
    let services = Services::default()
        .unary(LIST_CONVERSATIONS, |_: tonic::Request<ListConversationsRequest>| {
            Ok(ListConversationsResponse::default())
        })
        .unary_held::<SyncEventsRequest, SyncEventsResponse>(SYNC_EVENTS, &events);
    let world = World::with(services, &FLAGS, Patience::default()).await;
    let (mut first, mut second) = (connected(&world, "203.0.113.7").await, connected(&world, "203.0.113.7").await);
    let (mut other, mut third) = (connected(&world, "203.0.113.8").await, connected(&world, "203.0.113.9").await);
    first.send(sync()).await;
    events.asked(1).await;
    second.send(sync()).await;
    assert_refused(&mut second, json!(2), 429, "RATE_LIMITED").await;
    other.send(sync()).await;
    events.asked(2).await;
    third.send(sync()).await;
    assert_refused(&mut third, json!(2), 503, "OVERLOADED").await;
    events.let_answer(2);
    for socket in [&mut first, &mut other] {
        assert_eq!(socket.coming().await["type"], "events");
    }
}

#[tokio::test]
async fn who_would_only_wait_to_be_connected_is_told_to_try_again() {
    let conversations = Held::silent();
    let services = Services::default()
        .unary_held::<ListConversationsRequest, ListConversationsResponse>(LIST_CONVERSATIONS, &conversations);
    let world = World::with(services, &FLAGS, Patience::default()).await;
    let (mut first, mut second) = (open(&world, "203.0.113.7").await, open(&world, "203.0.113.7").await);
    first.send(connect()).await;
    conversations.asked(1).await;
    second.send(connect()).await;
    assert_refused(&mut second, json!(1), 429, "RATE_LIMITED").await;
    let signed_in = async |address: &str| {
        let protocols = format!("chatroom.v1, token.{}", token());
        Socket::open(&world, &[("x-forwarded-for", address), ("sec-websocket-protocol", &protocols)]).await
    };
    let mut other = signed_in("203.0.113.8").await;
    conversations.asked(2).await;
    let mut third = signed_in("203.0.113.9").await;
    assert_refused(&mut third, Value::Null, 503, "OVERLOADED").await;
    conversations.let_answer(4);
    for socket in [&mut first, &mut other] {
        assert_eq!(socket.coming().await["type"], "connected");
    }
    for socket in [&mut second, &mut third] {
        socket.send(connect()).await;
        assert_eq!(socket.coming().await["type"], "connected", "it is still open");
    }
}

#[tokio::test]
async fn only_who_is_connected_takes_the_place_of_an_older_socket() {
    let conversations = Held::silent();
    let services = Services::default()
        .unary_held::<ListConversationsRequest, ListConversationsResponse>(LIST_CONVERSATIONS, &conversations);
    let world = World::with(services, &FLAGS, Patience::default()).await;
    conversations.let_answer(10);
    let token = token();
    let mut older = Vec::new();
    for _ in 0..10 {
        older.push(connected_by(&world, "203.0.113.7", &token).await);
    }
    let (mut next, mut refused) = (open(&world, "203.0.113.7").await, open(&world, "203.0.113.7").await);
    next.send(connect_by(&token)).await;
    conversations.asked(11).await;
    let mut last = open(&world, "203.0.113.8").await;
    last.send(connect_by(&token)).await;
    conversations.asked(12).await;
    refused.send(connect_by(&token)).await;
    assert_refused(&mut refused, json!(1), 429, "RATE_LIMITED").await;
    assert_open(&mut older[0]).await;
    for (new, place) in [(&mut next, 0), (&mut last, 1)] {
        conversations.let_answer(1);
        assert_eq!(new.coming().await["type"], "connected");
        assert_eq!(older[place].close_code().await, 4002);
        assert_open(&mut older[place + 1]).await;
    }
}
