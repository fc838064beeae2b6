//! A reader who stops reading is dropped, with memory flat, and nobody waits for them.

use std::time::Duration;

use chatroom_tests::{Client, Shape, process::PATIENCE, socket::Socket};
use futures::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{connect, token};
use crate::{
    chat::room::{Room, seq},
    suite::{Scenario, scenarios},
    world::{World, fresh_name, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own: a_reader_who_stops_reading_is_dropped_and_nobody_waits]
}

/// How many read, on ten sockets each, and how many do not.
const READERS: usize = 10;
const SLOW: usize = 10;
/// How many messages are sent: together far more than waits for anybody.
const MESSAGES: usize = 200;
/// How much more memory the gateway may use meanwhile: what waits is shared by all for whom it waits.
const GROWTH_MAX: u64 = 32 << 20;

/// How many sockets a gateway says that it has.
async fn open_sockets(admin: &Client) -> usize {
    let figures = admin.get("/metrics").await.ok().text;
    let line = figures.lines().find(|line| line.starts_with("ws_sockets{")).expect("sockets are counted");
    let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
    count.expect("a number ends the line")
}

async fn a_reader_who_stops_reading_is_dropped_and_nobody_waits(shape: Shape) {
    let builder = usual(shape).set("CHATROOM_WRITES_PER_SECOND", "1000").set("CHATROOM_WRITES_BURST", "1000");
    let world = World::own(builder).await;
    let room = Room::new(&world).await;
    let (mut sockets, mut slow) = (Vec::new(), Vec::new());
    for _ in 0..READERS {
        let member = room.member(&world).await;
        sockets.extend(join_all((0..10).map(|_| connect(&world, &member))).await);
    }
    for _ in 0..SLOW {
        let member = room.member(&world).await;
        let mut socket = Socket::open_narrow(world.cluster.address()).await.expect("a socket opens");
        socket.request(json!({"type": "connect", "token": token(&member)})).await;
        slow.push(socket);
    }
    let gateway = world.cluster.process(world.cluster.front());
    gateway.forget_peak_memory();
    let before = gateway.peak_memory();

    let words = "慢".repeat(5000);
    let saying = async {
        let mut sender = connect(&world, &room.owner).await;
        let mut last = 0;
        for _ in 0..MESSAGES {
            last = seq(&sender.say(&room.group, &fresh_name("m"), &words).await);
        }
        last
    };
    let first = i64::try_from(READERS + SLOW).expect("a small number") + 1;
    let hearing = join_all(sockets.iter_mut().map(|socket| async {
        socket.wait_for(|frame| frame["seq"] == first - 1).await;
        for seq in (first..).take(MESSAGES) {
            assert_eq!(socket.event().await["seq"], seq, "everything, in order");
        }
    }));
    let (last, _) = tokio::join!(saying, hearing);
    assert_eq!(last, first - 1 + i64::try_from(MESSAGES).expect("a small number"));
    let growth = gateway.peak_memory().saturating_sub(before);
    assert!(growth < GROWTH_MAX, "memory has grown by {growth} bytes");

    // They keep no place, though they read nothing.
    let admin = Client::new(format!("http://{}", gateway.admin_address()));
    let cut = async {
        while open_sockets(&admin).await > sockets.len() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, cut).await.expect("who reads nothing is cut off");
    // They have missed most of it, and are told so, or find the connection gone.
    for socket in &mut slow {
        let (code, frames) = socket.closed().await;
        assert!(matches!(code, Some(1013) | None), "{code:?}");
        assert!(frames.len() < MESSAGES, "{} frames", frames.len());
    }
    // Whoever comes back has it all.
    let member = room.member(&world).await;
    let mut back = connect(&world, &member).await;
    let answer = back.request(json!({"type": "sync", "group": room.group, "after": last - 1})).await;
    assert_eq!(answer["events"][0]["seq"], last);
}
