//! Who is there and who is typing: told to those who watch a group, and to nobody else.

use serde_json::{Value, json};

use super::connect;
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared: who_watches_is_told_who_is_there, who_watches_is_told_who_is_typing]
}

/// Whether a frame says that exactly these are there.
pub(super) fn says_online(frame: &Value, group: &str, ids: &[&str]) -> bool {
    let mut online: Vec<_> = frame["online"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut ids = ids.to_vec();
    online.sort_unstable();
    ids.sort_unstable();
    frame["type"] == "presence" && frame["group"] == group && online == ids
}

async fn who_watches_is_told_who_is_there(world: World) {
    let room = Room::new(&world).await;
    let (first, second) = (room.member(&world).await, room.member(&world).await);
    let mut owners = connect(&world, &room.owner).await;
    let ack = owners.request(json!({"type": "watch", "group": room.group})).await;
    assert_eq!(ack["type"], "ack");
    let group = room.group.as_str();
    let owner = room.owner.id.as_str();
    owners.wait_for(|frame| says_online(frame, group, &[owner])).await;
    let mut firsts = connect(&world, &first).await;
    owners.wait_for(|frame| says_online(frame, group, &[owner, &first.id])).await;
    let seconds = connect(&world, &second).await;
    owners.wait_for(|frame| says_online(frame, group, &[owner, &first.id, &second.id])).await;
    seconds.leave().await;
    owners.wait_for(|frame| says_online(frame, group, &[owner, &first.id])).await;
    room.act(&room.owner, "remove", &json!({"user": first.id})).await.ok();
    owners.wait_for(|frame| says_online(frame, group, &[owner])).await;
    let heard = firsts.settled(group).await;
    assert!(heard.iter().all(|frame| frame["type"] != "presence"), "who does not watch is not told: {heard:?}");
}

async fn who_watches_is_told_who_is_typing(world: World) {
    let room = Room::new(&world).await;
    let (member, bystander) = (room.member(&world).await, room.member(&world).await);
    let (mut owners, mut theirs) = (connect(&world, &room.owner).await, connect(&world, &member).await);
    let mut bystanders = connect(&world, &bystander).await;
    for socket in [&mut owners, &mut theirs] {
        socket.request(json!({"type": "watch", "group": room.group})).await;
    }
    theirs.send(&json!({"type": "typing", "group": room.group})).await;
    let typing = owners.wait_for(|frame| frame["type"] == "typing").await;
    assert_eq!(typing, json!({"type": "typing", "group": room.group, "user": member.id}));
    for socket in [&mut theirs, &mut bystanders] {
        let heard = socket.settled(&room.group).await;
        assert!(heard.iter().all(|frame| frame["type"] != "typing"), "{heard:?}");
    }
}
