//! A gateway that is told to stop: its clients are told to come back, each at another time, and it is gone in time.

use std::{collections::BTreeSet, time::Duration};

use chatroom_tests::{Shape, socket::Socket};
use serde_json::json;

use super::{connect, connect_with, standing, token};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{World, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own: told_to_stop_it_sends_its_clients_away_and_is_gone_in_time]
}

async fn told_to_stop_it_sends_its_clients_away_and_is_gone_in_time(shape: Shape) {
    let mut world = World::own(usual(shape)).await;
    let room = Room::new(&world).await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(connect(&world, &room.owner).await);
    }
    // One that says nothing and one that does not read hold nobody up.
    let _stranger = Socket::open(&world.cluster.url(), &[]).await.expect("a socket opens");
    let mut deaf = Socket::open_narrow(world.cluster.address()).await.expect("a socket opens");
    deaf.request(json!({"type": "connect", "token": token(&room.owner)})).await;
    let said = room.say(&room.owner, "最后一句").await;
    for socket in &mut sockets {
        assert_eq!(socket.event().await["seq"], said["seq"]);
    }

    let front = world.cluster.front();
    let mut process = world.cluster_mut().take(front);
    process.terminate();
    let mut waits = BTreeSet::new();
    for socket in &mut sockets {
        let (code, frames) = socket.closed().await;
        assert_eq!(code, Some(1001));
        let bye = frames.last().expect("there is a word of farewell");
        assert_eq!((&bye["type"], &bye["reason"]), (&json!("bye"), &json!("DRAINING")), "{bye}");
        waits.insert(bye["retryMs"].as_u64().expect("how long to wait"));
    }
    assert!(waits.len() > 1, "they do not all come back at once: {waits:?}");
    let ended = process.wait(Duration::from_secs(15));
    assert!(ended.is_some_and(|status| status.code() == Some(0)), "{ended:?}");

    world.cluster_mut().restart(front);
    let (_socket, connected) = connect_with(&world, &room.owner).await;
    assert_eq!(standing(&connected, &room.group)["headSeq"], said["seq"]);
}
