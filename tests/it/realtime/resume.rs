//! Coming back: a client that was away has exactly what it missed, once, in order.

use std::time::Duration;

use chatroom_tests::{Shape, chat_client::ChatClient};
use serde_json::json;

use super::{connect_with, standing, token};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{World, fresh_name, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared: a_client_fetches_what_it_missed, another_epoch_is_answered_with_none];
    let own = scenarios![Own: clients_survive_their_gateway];
    [shared, own].concat()
}

async fn a_client_fetches_what_it_missed(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let (socket, connected) = connect_with(&world, &member).await;
    let before = standing(&connected, &room.group).clone();
    socket.leave().await;
    for number in 0..30 {
        room.say(&room.owner, &format!("错过 {number}")).await;
    }
    let (mut socket, connected) = connect_with(&world, &member).await;
    assert_eq!(standing(&connected, &room.group)["headSeq"], 31);
    let request = json!({"type": "sync", "group": room.group, "epoch": before["epoch"], "after": before["headSeq"],
        "limit": 20});
    let first = socket.request(request).await;
    assert_eq!(
        (&first["type"], &first["group"], &first["headSeq"], &first["more"]),
        (&json!("events"), &json!(room.group), &json!(31), &json!(true)),
        "{first}"
    );
    let events = first["events"].as_array().expect("events");
    assert_eq!((events.len(), &events[0]["seq"]), (20, &json!(2)));
    let after = events[19]["seq"].clone();
    let rest =
        socket.request(json!({"type": "sync", "group": room.group, "epoch": before["epoch"], "after": after})).await;
    assert_eq!((rest["events"].as_array().map(Vec::len), &rest["more"]), (Some(10), &json!(false)));
}

async fn another_epoch_is_answered_with_none(world: World) {
    let room = Room::new(&world).await;
    room.say(&room.owner, "有一条").await;
    let (mut socket, connected) = connect_with(&world, &room.owner).await;
    let answer = socket.request(json!({"type": "sync", "group": room.group, "epoch": "another", "after": 0})).await;
    assert_eq!((&answer["events"], &answer["more"]), (&json!([]), &json!(false)));
    assert_eq!(answer["epoch"], standing(&connected, &room.group)["epoch"]);
}

/// How many clients there are, and how many messages are sent.
const CLIENTS: usize = 20;
const MESSAGES: usize = 60;

async fn clients_survive_their_gateway(shape: Shape) {
    let mut world = World::own(usual(shape).set("CHATROOM_WRITES_BURST", "1000")).await;
    let room = Room::new(&world).await;
    let url = world.cluster.url();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let member = room.member(&world).await;
        clients.push(ChatClient::start(vec![url.clone()], token(&member)));
    }
    let owner = ChatClient::start(vec![url], token(&room.owner));
    for client in clients.iter().chain([&owner]) {
        client.connected(1).await;
    }
    let front = world.cluster.front();
    let saying = async {
        let mut said = Vec::new();
        for number in 0..MESSAGES {
            let words = format!("第 {number} 条");
            let ack = owner.say(&room.group, &fresh_name("m"), &words).await;
            assert_eq!(ack["type"], "ack", "{ack}");
            said.push(words);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        said
    };
    let killing = async {
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(250)).await;
            world.cluster_mut().kill(front);
            world.cluster_mut().restart(front);
        }
    };
    let (said, ()) = tokio::join!(saying, killing);
    let head = i64::try_from(CLIENTS + MESSAGES).expect("a small number");
    for client in clients.iter().chain([&owner]) {
        let known = client.knows(&room.group, head).await;
        assert_eq!(known.places(), (1..=head).collect::<Vec<_>>());
        assert_eq!(known.words(), said);
        client.connected(2).await;
        assert_eq!(client.faults(), [""; 0]);
    }
}
