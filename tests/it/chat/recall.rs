//! Taking messages back and editing them: who may, until when, and that what is gone is gone everywhere.

use chatroom_tests::{Part, client::Answer, past, records};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::room::{Room, assert_refused, rows, text, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, User, World, fresh_name, now},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_sender_takes_a_message_back_for_two_minutes,
        rank_takes_back_from_lower_rank_at_any_time,
        a_recalled_text_is_gone_everywhere,
        a_sender_edits_a_text_for_fifteen_minutes,
        only_a_senders_own_text_is_edited,
        an_edited_text_is_everywhere_as_it_is_now,
    ];
    let services = scenarios![Services: a_recalled_text_is_gone_from_the_records];
    [shared, services].concat()
}

async fn recall(user: &User, message: &Value) -> Answer {
    user.client.post("/h5/message/recall", &json!({"message": message["_id"]})).await
}

async fn edit(user: &User, message: &Value, words: &str) -> Answer {
    user.client.post("/h5/message/edit", &json!({"message": message["_id"], "content": {"text": words}})).await
}

/// Lets so many minutes pass for a message.
async fn age(world: &World, message: &Value, minutes: i64) {
    let sent = now() - TimeDelta::minutes(minutes);
    past::date_message(&world.cluster, &text(&message["_id"]), sent).await;
}

async fn a_sender_takes_a_message_back_for_two_minutes(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let said = room.say(&member, "说错了").await;
    let recalled = recall(&member, &said).await.ok().data();
    assert_eq!((&recalled["content"], &recalled["recalled"]), (&Value::Null, &json!(true)));
    assert_eq!((&recalled["kind"], &recalled["seq"], &recalled["__v"]), (&json!("text"), &said["seq"], &json!(1)));
    assert_eq!(recall(&member, &said).await.ok().data(), recalled, "once is enough");
    let old = room.say(&member, "太晚了").await;
    age(&world, &old, 3).await;
    assert_refused(&recall(&member, &old).await, 409, "TOO_LATE");
    let recent = room.say(&member, "还来得及").await;
    age(&world, &recent, 1).await;
    recall(&member, &recent).await.ok();
    assert_refused(&recall(&member, &json!({"_id": NOBODY})).await, 404, "MESSAGE_NOT_FOUND");
    assert_refused(&recall(&member, &json!({"_id": "x"})).await, 400, "INVALID_ARGUMENT");
}

async fn rank_takes_back_from_lower_rank_at_any_time(world: World) {
    let room = Room::new(&world).await;
    let (admin, member, other) = (room.admin(&world).await, room.member(&world).await, room.member(&world).await);
    let of_member = room.say(&member, "成员").await;
    let of_admin = room.say(&admin, "管理员").await;
    let of_owner = room.say(&room.owner, "群主").await;
    for message in [&of_member, &of_admin, &of_owner] {
        age(&world, message, 600).await;
    }
    assert_refused(&recall(&other, &of_member).await, 403, "ROLE_TOO_LOW");
    assert_refused(&recall(&member, &of_admin).await, 403, "ROLE_TOO_LOW");
    assert_refused(&recall(&admin, &of_owner).await, 403, "ROLE_TOO_LOW");
    assert_refused(&recall(&world.user().await, &of_member).await, 403, "NOT_GROUP_MEMBER");
    recall(&admin, &of_member).await.ok();
    recall(&room.owner, &of_admin).await.ok();
    let events = room.events(&other, 0).await;
    let recalls = events.iter().filter(|event| event["kind"] == "recalled").map(|event| event["by"]["_id"].clone());
    assert_eq!(recalls.collect::<Vec<_>>(), [json!(admin.id), json!(room.owner.id)]);
}

async fn a_recalled_text_is_gone_everywhere(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let secret = "芝麻开门";
    let said = room.say(&member, secret).await;
    let mut answer = room.text("什么？");
    answer["replyTo"] = said["_id"].clone();
    room.send(&room.owner, &answer).await.ok();
    let last = room.say(&member, &format!("再说一遍，{secret}")).await;
    assert_eq!(words(&room.conversation(&room.owner).await["lastMessage"]), words(&last));
    edit(&member, &last, &format!("{secret}！")).await.ok();
    for message in [&said, &last] {
        recall(&member, message).await.ok();
    }
    for path in [
        format!("/h5/message?group={}", room.group),
        format!("/h5/message/sync?group={}&after=0", room.group),
        format!("/h5/message/search?group={}&q={secret}", room.group),
        format!("/h5/message/search?group={}&q=开门", room.group),
        "/h5/conversation".to_owned(),
    ] {
        let answer = room.owner.client.get(&path).await.ok();
        assert!(!answer.text.contains("芝麻") && !answer.text.contains("开门"), "{path}: {}", answer.text);
    }
    let reply = room.history(&room.owner, "").await["messages"][1]["replyTo"].take();
    assert_eq!((&reply["content"], &reply["recalled"]), (&Value::Null, &json!(true)));
    assert_eq!(room.conversation(&room.owner).await["lastMessage"]["recalled"], true);
    // Nor does sending it again, as a client does that has not heard of its success, bring it back.
    let mut again = room.text(secret);
    again["clientId"] = said["clientId"].clone();
    assert_eq!(room.send(&member, &again).await.ok().data()["content"], Value::Null);
}

/// Looked at in PostgreSQL's tables: SQLite keeps what was deleted in its files until their pages are used again.
async fn a_recalled_text_is_gone_from_the_records(world: World) {
    let room = Room::new(&world).await;
    let secret = fresh_name("open-sesame");
    let said = room.say(&room.owner, &secret).await;
    assert!(records::contain(&world.cluster, Part::Group, &secret).await, "it would be found");
    recall(&room.owner, &said).await.ok();
    assert!(!records::contain(&world.cluster, Part::Group, &secret).await);
}

async fn a_sender_edits_a_text_for_fifteen_minutes(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let said = room.say(&member, "你号").await;
    let edited = edit(&member, &said, "你好").await.ok().data();
    assert_eq!((words(&edited), &edited["_id"], &edited["seq"]), ("你好", &said["_id"], &said["seq"]));
    assert!(edited["editedAt"].is_string() && edited["editedAt"] == edited["updatedAt"], "{edited}");
    assert_eq!((&edited["createdAt"], &edited["__v"]), (&said["createdAt"], &json!(1)));
    age(&world, &said, 14).await;
    edit(&member, &said, "您好").await.ok();
    age(&world, &said, 16).await;
    assert_refused(&edit(&member, &said, "晚了").await, 409, "TOO_LATE");
    for wrong in [json!({"text": ""}), json!({"text": "字".repeat(5_001)}), json!({}), json!("字")] {
        let body = json!({"message": said["_id"], "content": wrong});
        let answer = member.client.post("/h5/message/edit", &body).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains("content"), "{answer:?}");
    }
}

async fn only_a_senders_own_text_is_edited(world: World) {
    let room = Room::new(&world).await;
    let (admin, member) = (room.admin(&world).await, room.member(&world).await);
    let said = room.say(&member, "我说的").await;
    for user in [&admin, &room.owner] {
        assert_refused(&edit(user, &said, "他说的").await, 403, "ROLE_TOO_LOW");
    }
    assert_refused(&edit(&world.user().await, &said, "他说的").await, 403, "NOT_GROUP_MEMBER");
    assert_refused(&edit(&member, &json!({"_id": NOBODY}), "他说的").await, 404, "MESSAGE_NOT_FOUND");
    room.act(&admin, "muteAll", &json!({"muted": true})).await.ok();
    assert_refused(&edit(&member, &said, "偷偷说").await, 403, "GROUP_MUTED");
    room.act(&admin, "muteAll", &json!({"muted": false})).await.ok();
    recall(&member, &said).await.ok();
    assert_refused(&edit(&member, &said, "收不回").await, 409, "MESSAGE_RECALLED");
}

async fn an_edited_text_is_everywhere_as_it_is_now(world: World) {
    let room = Room::new(&world).await;
    let said = room.say(&room.owner, "旧的说法").await;
    edit(&room.owner, &said, "新的说法").await.ok();
    assert_eq!(words(&room.history(&room.owner, "").await["messages"][0]), "新的说法");
    assert_eq!(words(&room.conversation(&room.owner).await["lastMessage"]), "新的说法");
    let events = room.events(&room.owner, 0).await;
    assert_eq!(events.iter().map(|event| words(&event["message"])).collect::<Vec<_>>(), ["新的说法", "新的说法"]);
    let found = async |phrase: &str| {
        let path = format!("/h5/message/search?group={}&q={phrase}", room.group);
        rows(&room.owner.client.get(&path).await.ok().data()["messages"]).len()
    };
    assert_eq!((found("旧的").await, found("新的").await), (0, 1));
}
