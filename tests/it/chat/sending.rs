//! Sending: once however often, what a message may say, replies and mentions.

use std::collections::BTreeSet;

use chatroom_tests::client::Answer;
use futures::{StreamExt as _, future::join_all, stream};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::room::{Room, assert_refused, rows, seq, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, User, World, fresh_name, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        ten_concurrent_sends_of_one_message_are_one,
        a_repeat_answers_the_first_message_whatever_has_happened_since,
        a_client_id_is_its_senders_own,
        concurrent_senders_leave_no_hole,
        pictures_and_files_are_sent_by_their_path,
        a_message_says_what_its_kind_allows,
        a_reply_shows_what_it_answers_as_that_is_now,
        members_are_mentioned_and_everyone_by_owner_and_admins_only,
        nobody_speaks_in_the_name_of_another,
        sixty_messages_at_once_pass_and_a_flood_is_refused,
    ]
}

async fn ten_concurrent_sends_of_one_message_are_one(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let request = room.text("只此一次");
    let sends = join_all((0..10).map(|_| room.send(&member, &request))).await;
    let ids: BTreeSet<String> = sends.into_iter().map(|send| send.ok().data()["_id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(rows(&room.history(&room.owner, "").await["messages"]).len(), 1);
    assert_eq!(room.conversation(&room.owner).await["unread"], 1);
    assert_eq!(room.events(&room.owner, 0).await.iter().filter(|event| event["kind"] == "message").count(), 1);
}

async fn a_repeat_answers_the_first_message_whatever_has_happened_since(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut request = room.text("第一次");
    let first = room.send(&member, &request).await.ok();
    assert_eq!(room.send(&member, &request).await.ok().text, first.text);
    request["content"]["text"] = json!("第二次");
    assert_eq!(words(&room.send(&member, &request).await.ok().data()), "第一次", "a repeat changes nothing");
    room.act(&room.owner, "remove", &json!({"user": member.id, "ban": true})).await.ok();
    assert_eq!(room.send(&member, &request).await.ok().text, first.text);
    assert_refused(&room.send(&member, &room.text("新的")).await, 403, "NOT_GROUP_MEMBER");
}

async fn a_client_id_is_its_senders_own(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let request = room.text("同一个号");
    let mine = room.send(&member, &request).await.ok().data();
    let theirs = room.send(&room.owner, &request).await.ok().data();
    assert_ne!(mine["_id"], theirs["_id"]);
    assert_eq!(mine["clientId"], theirs["clientId"]);
    let other = Room::on(&world, room.owner.clone(), &json!({"_id": room.page})).await;
    other.join(&member).await.ok();
    let mut elsewhere = request.clone();
    elsewhere["group"] = json!(other.group);
    assert_ne!(other.send(&member, &elsewhere).await.ok().data()["_id"], mine["_id"]);
}

async fn concurrent_senders_leave_no_hole(world: World) {
    let room = Room::new(&world).await;
    let members = [room.member(&world).await, room.member(&world).await, room.member(&world).await];
    let say = |number: usize| {
        let (room, member) = (&room, &members[number % members.len()]);
        async move { seq(&room.say(member, &format!("第{number}句")).await) }
    };
    let places = join_all((0..60).map(say)).await;
    let distinct: BTreeSet<i64> = places.iter().copied().collect();
    assert_eq!(distinct, (4..=63).collect(), "after three joins, sixty messages without a hole");
    let heard = room.events(&room.owner, 0).await.iter().map(seq).collect::<Vec<_>>();
    assert_eq!(heard, (1..=63).collect::<Vec<_>>());
}

async fn pictures_and_files_are_sent_by_their_path(world: World) {
    let room = Room::new(&world).await;
    let path = room.owner.client.upload("cat.png", picture(100)).await.ok().data();
    let content = json!({"path": path, "name": "猫.png", "size": 100, "width": 64, "height": 48});
    for kind in ["image", "file"] {
        let mut request = room.text("");
        request["kind"] = json!(kind);
        request["content"] = content.clone();
        let message = room.send(&room.owner, &request).await.ok().data();
        assert_eq!((&message["kind"], &message["content"]), (&json!(kind), &content));
        for (field, wrong) in [
            ("path", json!("https://img.example/cat.png")),
            ("path", json!("/upload/../etc/passwd")),
            ("name", json!("")),
            ("name", json!("猫".repeat(256))),
            ("size", json!(-1)),
            ("width", json!(0)),
            ("height", json!(100_001)),
        ] {
            let mut request = request.clone();
            request["clientId"] = json!(fresh_name("message"));
            request["content"][field] = wrong;
            assert_named(&room.send(&room.owner, &request).await, &format!("content.{field}"));
        }
    }
}

/// Asserts a 400 whose `msg` names `field`.
fn assert_named(answer: &Answer, field: &str) {
    assert_refused(answer, 400, "INVALID_ARGUMENT");
    let msg = answer.json()["msg"].to_string();
    assert!(msg.contains(&format!("字段 {field} ")), "{field} in {msg}");
}

async fn a_message_says_what_its_kind_allows(world: World) {
    let room = Room::new(&world).await;
    let longest = "字".repeat(5_000);
    for said in
        ["哈", " 前后的空格 ", "两\n行", &longest, "<script>alert(1)</script>", "'; drop table message; --", "👩‍👩‍👧"]
    {
        let message = room.say(&room.owner, said).await;
        assert_eq!(words(&message), said);
    }
    for (field, wrong, named) in [
        ("content", json!({"text": ""}), "content.text"),
        ("content", json!({"text": " \n\t"}), "content.text"),
        ("content", json!({"text": "字".repeat(5_001)}), "content.text"),
        ("content", json!({"text": "\u{1b}[31m"}), "content.text"),
        ("content", json!({}), "content.text"),
        ("content", json!("你好"), "content"),
        ("kind", json!("system"), "kind"),
        ("kind", json!("Text"), "kind"),
        ("clientId", json!(""), "clientId"),
        ("clientId", json!("号".repeat(10)), "clientId"),
        ("clientId", json!("x".repeat(65)), "clientId"),
        ("replyTo", json!("not an id"), "replyTo"),
        ("mentions", json!(["everyone"]), "mentions"),
        ("mentions", json!(vec![NOBODY; 51]), "mentions"),
        ("group", json!("64E2"), "group"),
    ] {
        let mut request = room.text("你好");
        request[field] = wrong;
        assert_named(&room.send(&room.owner, &request).await, named);
    }
    for missing in ["group", "clientId", "kind", "content"] {
        let mut request = room.text("你好");
        request.as_object_mut().expect("a body is an object").remove(missing);
        assert_named(&room.send(&room.owner, &request).await, missing);
    }
    let mut elsewhere = room.text("你好");
    elsewhere["group"] = json!(NOBODY);
    assert_refused(&room.send(&room.owner, &elsewhere).await, 404, "GROUP_NOT_FOUND");
}

async fn a_reply_shows_what_it_answers_as_that_is_now(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let asked = room.say(&member, &"问".repeat(300)).await;
    let mut request = room.text("答");
    request["replyTo"] = asked["_id"].clone();
    let reply = room.send(&room.owner, &request).await.ok().data()["replyTo"].take();
    assert_eq!((&reply["_id"], &reply["seq"]), (&asked["_id"], &asked["seq"]));
    assert_eq!(reply["user"]["username"], member.name);
    assert_eq!(words(&reply), "问".repeat(200), "cut");
    let edit = json!({"message": asked["_id"], "content": {"text": "改了"}});
    member.client.post("/h5/message/edit", &edit).await.ok();
    let shown = room.history(&member, "").await["messages"][1]["replyTo"].take();
    assert_eq!(words(&shown), "改了");
    for (elsewhere, reason) in
        [(json!(NOBODY), "MESSAGE_NOT_FOUND"), (Room::new(&world).await.foreign().await, "MESSAGE_NOT_FOUND")]
    {
        let mut request = room.text("答");
        request["replyTo"] = elsewhere;
        assert_refused(&room.send(&room.owner, &request).await, 404, reason);
    }
}

impl Room {
    /// The id of something said here, and nowhere else.
    async fn foreign(&self) -> Value {
        self.say(&self.owner, "别处").await["_id"].take()
    }
}

async fn members_are_mentioned_and_everyone_by_owner_and_admins_only(world: World) {
    let room = Room::new(&world).await;
    let (admin, member, guest) = (room.admin(&world).await, room.member(&world).await, room.guest(&world).await);
    let mention = |user: &User, whom: Value| {
        let mut request = room.text("看这里");
        request["mentions"] = whom;
        let (room, user) = (&room, user.clone());
        async move { room.send(&user, &request).await }
    };
    let said = mention(&member, json!([admin.id, admin.id, room.owner.id])).await.ok().data();
    assert_eq!(said["mentions"], json!([admin.id, room.owner.id]), "each once");
    assert_eq!(mention(&admin, json!(["all", member.id])).await.ok().data()["mentions"], json!(["all", member.id]));
    assert_eq!(mention(&room.owner, json!(["all"])).await.ok().data()["mentions"], json!(["all"]));
    assert_eq!(mention(&member, json!([])).await.ok().data()["mentions"], json!([]));
    assert_refused(&mention(&member, json!(["all"])).await, 403, "ROLE_TOO_LOW");
    assert_refused(&mention(&member, json!([guest.id])).await, 404, "MEMBER_NOT_FOUND");
}

async fn nobody_speaks_in_the_name_of_another(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut request = room.text("我是群主");
    for field in ["user", "_id", "sender", "service", "role"] {
        request[field] = json!(room.owner.id);
    }
    request["seq"] = json!(1_000_000);
    request["createdAt"] = json!("2001-01-01T00:00:00.000Z");
    let said = room.send(&member, &request).await.ok().data();
    assert_eq!(said["user"]["_id"], member.id);
    assert_ne!(said["_id"], json!(room.owner.id));
    assert_eq!(said["seq"], 2);
    assert!(said["createdAt"].as_str().is_some_and(|time| time > "2023"), "{said}");
    let anonymous = member.client.anonymous().post("/h5/message", &room.text("无名")).await;
    assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
}

async fn sixty_messages_at_once_pass_and_a_flood_is_refused(world: World) {
    let room = Room::new(&world).await;
    let member = room.guest(&world).await;
    room.join(&member).await.ok();
    let send = async || room.send(&member, &room.text("洪水")).await;
    let flood =
        async |count: usize| stream::iter(0..count).map(|_| send()).buffer_unordered(16).collect::<Vec<_>>().await;
    // Two of the sixty were joining the page and the group.
    for answer in flood(58).await {
        answer.ok();
    }
    let refused = flood(600).await.into_iter().find(|answer| !answer.status.is_success()).expect("a flood is refused");
    assert_refused(&refused, 429, "RATE_LIMITED");
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{refused:?}");
    room.say(&room.owner, "别人照常").await;
}
