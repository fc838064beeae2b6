//! Joining and leaving on open sockets: who comes hears from then on, and who goes hears nothing more.

use serde_json::json;

use super::{connect, connect_with, standing};
use crate::{
    chat::room::{Room, seq},
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        who_is_removed_hears_their_removal_and_nothing_more,
        who_leaves_hears_nothing_more_and_comes_back,
        who_joins_on_another_device_hears_at_once,
        who_joins_where_nobody_listened_hears_at_once,
        a_private_conversation_is_heard_by_both,
    ]
}

async fn who_is_removed_hears_their_removal_and_nothing_more(world: World) {
    let room = Room::new(&world).await;
    let (removed, stays) = (room.member(&world).await, room.member(&world).await);
    let (mut theirs, mut others) = (connect(&world, &removed).await, connect(&world, &stays).await);
    for number in 0..20 {
        room.say(&room.owner, &format!("前 {number}")).await;
    }
    room.act(&room.owner, "remove", &json!({"user": removed.id})).await.ok();
    let after = room.say(&room.owner, "他已经不在了").await;
    others.wait_for(|frame| frame["seq"] == after["seq"]).await;

    let heard = theirs.settled(&room.group).await;
    let last = heard.last().expect("something was heard");
    assert_eq!((&last["kind"], &last["user"]["_id"]), (&json!("removed"), &json!(removed.id)), "{last}");
    assert_eq!(heard.iter().filter(|frame| frame["type"] == "event").count(), 21);
    let refused = theirs.say(&room.group, "a", "让我说").await;
    assert_eq!(refused["reason"], "NOT_GROUP_MEMBER");
    for kind in ["typing", "watch"] {
        assert_eq!(theirs.request(json!({"type": kind, "group": room.group})).await["reason"], "NOT_GROUP_MEMBER");
    }
    room.say(&room.owner, "还是听不到").await;
    others.event().await;
    assert_eq!(theirs.settled(&room.group).await, Vec::<serde_json::Value>::new());
}

async fn who_leaves_hears_nothing_more_and_comes_back(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut theirs = connect(&world, &member).await;
    room.act(&member, "leave", &json!({})).await.ok();
    let left = theirs.event().await;
    assert_eq!((&left["kind"], &left["user"]["_id"]), (&json!("left"), &json!(member.id)));
    room.say(&room.owner, "他走了").await;
    room.join(&member).await.ok();
    // The next thing that is heard is the own return; what was said in between is history, to be fetched.
    let joined = theirs.event().await;
    assert_eq!((&joined["kind"], &joined["user"]["_id"]), (&json!("joined"), &json!(member.id)), "{joined}");
    let said = room.say(&room.owner, "回来了").await;
    assert_eq!(theirs.event().await["seq"], said["seq"]);
    assert_eq!(seq(&said), seq(&joined) + 1);
}

async fn who_joins_on_another_device_hears_at_once(world: World) {
    let room = Room::new(&world).await;
    let guest = room.guest(&world).await;
    // The group is watched already, for its owner.
    let _owners = connect(&world, &room.owner).await;
    let mut theirs = connect(&world, &guest).await;
    room.join(&guest).await.ok();
    let joined = theirs.event().await;
    assert_eq!((&joined["kind"], &joined["user"]["_id"]), (&json!("joined"), &json!(guest.id)));
    let said = room.say(&room.owner, "欢迎").await;
    assert_eq!(theirs.event().await["seq"], said["seq"]);
}

async fn who_joins_where_nobody_listened_hears_at_once(world: World) {
    let room = Room::new(&world).await;
    let guest = room.guest(&world).await;
    let (mut theirs, connected) = connect_with(&world, &guest).await;
    assert_eq!(connected["groups"], json!([]));
    room.join(&guest).await.ok();
    let joined = theirs.event().await;
    assert_eq!((&joined["kind"], &joined["group"]), (&json!("joined"), &json!(room.group)));
    let said = room.say(&room.owner, "欢迎").await;
    assert_eq!(theirs.event().await["seq"], said["seq"]);
    let (_again, connected) = connect_with(&world, &guest).await;
    assert_eq!(standing(&connected, &room.group)["headSeq"], said["seq"]);
}

async fn a_private_conversation_is_heard_by_both(world: World) {
    let (owner, visitor) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    visitor.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    let (mut service, mut theirs) = (connect(&world, &owner).await, connect(&world, &visitor).await);
    let opened = visitor.client.post("/h5/merchant/contact", &json!({"merchant": page["_id"]})).await.ok().data();
    let group = opened["group"]["_id"].as_str().expect("an id is text");
    theirs.say(group, "a", "有货吗？").await;
    let asked = service.event().await;
    assert_eq!((&asked["group"], &asked["message"]["content"]["text"]), (&json!(group), &json!("有货吗？")));
    service.say(group, "b", "有的").await;
    theirs.wait_for(|frame| frame["message"]["content"]["text"] == "有的").await;
}
