//! What of the chat goes on while a part of the product is gone, and what is said about the rest.

use std::time::{Duration, Instant};

use chatroom_tests::{Part, process::PATIENCE};
use serde_json::json;

use super::room::{Room, assert_refused, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{World, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![OwnServices:
        names_are_not_waited_for,
        a_group_is_joined_only_where_the_page_can_be_asked,
        without_the_group_service_the_chat_says_so,
    ]
}

/// How long a client may wait for an answer while something is gone.
const SOON: Duration = Duration::from_secs(4);

async fn names_are_not_waited_for() {
    let mut world = World::own(usual(chatroom_tests::Shape::Distributed)).await;
    let room = Room::new(&world).await;
    let (known, unknown) = (room.member(&world).await, room.member(&world).await);
    room.say(&known, "认识我吗").await;
    world.cluster_mut().kill(Part::User);
    let begun = Instant::now();
    let said = room.say(&unknown, "还能说话").await;
    assert_eq!((&said["user"]["_id"], &said["user"]["username"]), (&json!(unknown.id), &json!("")));
    let history = room.history(&room.owner, "").await;
    assert_eq!(words(&history["messages"][1]), "还能说话");
    assert_eq!(history["messages"][0]["user"]["username"], known.name, "who was seen before is still known");
    assert!(begun.elapsed() < SOON, "three answers took {:?}", begun.elapsed());
    world.cluster_mut().restart(Part::User);
    let named = async {
        while room.history(&room.owner, "").await["messages"][1]["user"]["username"] != unknown.name {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, named).await.expect("the name comes back with the service");
}

async fn a_group_is_joined_only_where_the_page_can_be_asked() {
    let mut world = World::own(usual(chatroom_tests::Shape::Distributed)).await;
    let room = Room::new(&world).await;
    let (member, guest) = (room.member(&world).await, room.guest(&world).await);
    world.cluster_mut().kill(Part::Merchant);
    assert_refused(&room.join(&guest).await, 503, "UPSTREAM_UNAVAILABLE");
    room.say(&member, "里面的人照常").await;
    room.act(&room.owner, "remove", &json!({"user": member.id})).await.ok();
}

async fn without_the_group_service_the_chat_says_so() {
    let mut world = World::own(usual(chatroom_tests::Shape::Distributed)).await;
    let room = Room::new(&world).await;
    let request = room.text("等一下");
    world.cluster_mut().kill(Part::Group);
    let begun = Instant::now();
    let refused = room.send(&room.owner, &request).await;
    assert_refused(&refused, 503, "UPSTREAM_UNAVAILABLE");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{refused:?}");
    assert_refused(&room.owner.client.get("/h5/conversation").await, 503, "UPSTREAM_UNAVAILABLE");
    assert!(begun.elapsed() < 2 * SOON, "two refusals took {:?}", begun.elapsed());
    world.cluster_mut().restart(Part::Group);
    let sent = async {
        while !room.send(&room.owner, &request).await.status.is_success() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, sent).await.expect("the chat comes back with the service");
    assert_eq!(room.events(&room.owner, 0).await.len(), 1, "however often it was sent");
}
