//! Two clients talk: what one says the other hears, as the protocol writes it, however it was said.

use serde_json::{Value, json};

use super::{connect, connect_with, standing};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{World, fresh_name},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        two_clients_chat,
        what_is_said_over_http_is_heard,
        edits_and_recalls_are_heard,
        a_message_sent_again_is_the_same_message,
        who_connects_is_told_where_groups_stand,
        what_a_service_may_refuse_comes_as_an_error,
    ]
}

async fn two_clients_chat(world: World) {
    let room = Room::new(&world).await;
    let other = room.member(&world).await;
    let (mut mine, mut theirs) = (connect(&world, &room.owner).await, connect(&world, &other).await);

    let ack = mine.say(&room.group, &fresh_name("m"), "你好，在吗？").await;
    assert_eq!((&ack["type"], &ack["seq"], &ack["duplicate"]), (&json!("ack"), &json!(2), &json!(false)), "{ack}");
    let heard = theirs.event().await;
    assert_eq!((&heard["kind"], &heard["group"]), (&json!("message"), &json!(room.group)), "{heard}");
    assert_eq!((&heard["message"]["_id"], &heard["seq"]), (&ack["_id"], &ack["seq"]));
    assert_eq!(heard["message"]["content"]["text"], "你好，在吗？");
    assert_eq!(
        (&heard["message"]["user"]["_id"], &heard["message"]["user"]["username"]),
        (&json!(room.owner.id), &json!(room.owner.name))
    );
    assert_eq!(heard["message"]["createdAt"], ack["createdAt"]);
    // The sender hears it as everybody does.
    assert_eq!(mine.event().await, heard);

    theirs.say(&room.group, &fresh_name("m"), "在的").await;
    assert_eq!(mine.event().await["message"]["content"]["text"], "在的");
}

async fn what_is_said_over_http_is_heard(world: World) {
    let room = Room::new(&world).await;
    let other = room.member(&world).await;
    let mut theirs = connect(&world, &other).await;
    let said = room.say(&room.owner, "从 HTTP 发出").await;
    let heard = theirs.event().await;
    assert_eq!(heard["message"], said, "one form for both");
    let synced = room.events(&other, 1).await;
    assert_eq!(without_type(heard), synced[0], "and for those who fetch it");
}

fn without_type(mut event: Value) -> Value {
    event.as_object_mut().expect("an event is an object").remove("type");
    event
}

async fn edits_and_recalls_are_heard(world: World) {
    let room = Room::new(&world).await;
    let other = room.member(&world).await;
    let said = room.say(&room.owner, "写错了").await;
    let mut theirs = connect(&world, &other).await;
    let edit = json!({"message": said["_id"], "content": {"text": "写对了"}});
    room.owner.client.post("/h5/message/edit", &edit).await.ok();
    let edited = theirs.event().await;
    assert_eq!((&edited["kind"], &edited["message"]["content"]["text"]), (&json!("edited"), &json!("写对了")));
    room.owner.client.post("/h5/message/recall", &json!({"message": said["_id"]})).await.ok();
    let recalled = theirs.event().await;
    assert_eq!((&recalled["kind"], &recalled["message"]["content"]), (&json!("recalled"), &Value::Null));
    assert_eq!(recalled["by"]["_id"], room.owner.id);
}

async fn a_message_sent_again_is_the_same_message(world: World) {
    let room = Room::new(&world).await;
    let mut mine = connect(&world, &room.owner).await;
    let id = fresh_name("m");
    let first = mine.say(&room.group, &id, "一次").await;
    let again = mine.say(&room.group, &id, "一次").await;
    assert_eq!((&again["_id"], &again["seq"], &again["duplicate"]), (&first["_id"], &first["seq"], &json!(true)));
    assert_eq!(room.events(&room.owner, 0).await.len(), 1);
}

async fn who_connects_is_told_where_groups_stand(world: World) {
    let room = Room::new(&world).await;
    let other = room.member(&world).await;
    for words in ["一", "二", "三"] {
        room.say(&room.owner, words).await;
    }
    let (_socket, connected) = connect_with(&world, &other).await;
    assert_eq!(
        (&connected["user"], &connected["pingMs"], &connected["more"]),
        (&json!(other.id), &json!(25_000), &json!(false))
    );
    let mine = standing(&connected, &room.group);
    let conversation = room.conversation(&other).await;
    for field in ["epoch", "headSeq", "readSeq", "unread"] {
        assert_eq!(mine[field], conversation[field], "{field}");
    }
    assert_eq!((&mine["headSeq"], &mine["unread"]), (&json!(4), &json!(3)));
}

async fn what_a_service_may_refuse_comes_as_an_error(world: World) {
    let room = Room::new(&world).await;
    let (guest, member) = (room.guest(&world).await, room.member(&world).await);
    let mut outside = connect(&world, &guest).await;
    let refused = outside.say(&room.group, &fresh_name("m"), "我不在里面").await;
    assert_eq!(
        (&refused["type"], &refused["code"], &refused["reason"]),
        (&json!("error"), &json!(403), &json!("NOT_GROUP_MEMBER")),
        "{refused}"
    );
    assert!(refused["msg"].as_str().is_some_and(|msg| !msg.is_empty()) && refused["retryMs"].is_null(), "{refused}");
    for request in [
        json!({"type": "sync", "group": room.group, "epoch": "", "after": 0}),
        json!({"type": "read", "group": room.group, "seq": 1}),
        json!({"type": "watch", "group": room.group}),
    ] {
        assert_eq!(outside.request(request.clone()).await["reason"], "NOT_GROUP_MEMBER", "{request}");
    }
    let mut muted = connect(&world, &member).await;
    room.act(&room.owner, "muteAll", &json!({"muted": true})).await.ok();
    assert_eq!(muted.say(&room.group, &fresh_name("m"), "嘘").await["reason"], "GROUP_MUTED");
    assert_eq!(muted.say(&room.group, "", "嘘").await["reason"], "INVALID_ARGUMENT");
}
