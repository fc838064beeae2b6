//! Each answer of the chat as it is documented, field for field: the same keys in the same order, the same types. Ids
//! and times count by their form.

use serde_json::{Value, json};

use super::room::{Room, text};
use crate::{
    skeleton::skeleton,
    suite::{Scenario, scenarios},
    world::{ICON, User, World, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        join_a_group,
        leave_a_group,
        list_members,
        memberships_that_are_changed,
        the_group_as_it_is_changed,
        a_message_of_each_kind,
        a_recalled_and_an_edited_message,
        history_search_and_events,
        a_read_cursor,
        conversations,
        customer_service,
    ]
}

/// An id and a time, as a skeleton classes them.
const ID: &str = "64e2e53561a25a30db767a40";
const TIME: &str = "2023-08-21T04:16:53.765Z";

/// Somebody who has chosen neither nickname nor picture.
fn person(user: &User) -> String {
    format!(r#"{{"_id":"{ID}","username":"{}","nickname":"","avatar":""}}"#, user.name)
}

fn message(user: &User, seq: i64, client_id: &Value, rest: &str) -> String {
    let person = person(user);
    format!(
        r#"{{"_id":"{ID}","group":"{ID}","seq":{seq},"user":{person},"clientId":{client_id},{rest},"createdAt":"{TIME}","updatedAt":"{TIME}"}}"#
    )
}

fn text_message(user: &User, seq: i64, client_id: &Value, words: &str) -> String {
    let rest = format!(
        r#""kind":"text","content":{{"text":"{words}"}},"replyTo":null,"mentions":[],"recalled":false,"editedAt":null,"__v":0"#
    );
    message(user, seq, client_id, &rest)
}

fn group(name: &str, rest: &str) -> String {
    format!(r#"{{"user":"{ID}","merchant":"{ID}","name":"{name}","icon":"{ICON}","_id":"{ID}",{rest}}}"#)
}

fn assert_documented(answer: &str, data: &str) {
    assert_eq!(skeleton(answer), skeleton(&format!(r#"{{"data":{data},"msg":"success","code":200}}"#)));
}

async fn join_a_group(world: World) {
    let room = Room::new(&world).await;
    let answer = room.join(&room.guest(&world).await).await.ok();
    let record = format!(
        r#"{{"user":"{ID}","group":"{ID}","role":0,"_id":"{ID}","__v":0,"createdAt":"{TIME}","updatedAt":"{TIME}"}}"#
    );
    assert_documented(&answer.text, &format!("[{record}]"));
}

async fn leave_a_group(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    assert_documented(&room.act(&member, "leave", &json!({})).await.ok().text, "null");
}

async fn list_members(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let answer = member.client.get(&format!("/h5/group/members?group={}", room.group)).await.ok();
    let row = |user: &User, role: u8| {
        let person = person(user);
        format!(
            r#"{{"user":{person},"group":"{ID}","role":{role},"muteUntil":null,"_id":"{ID}","__v":0,"createdAt":"{TIME}","updatedAt":"{TIME}"}}"#
        )
    };
    let expected = format!(r#"{{"members":[{},{}],"after":null}}"#, row(&room.owner, 2), row(&member, 0));
    assert_documented(&answer.text, &expected);
}

async fn memberships_that_are_changed(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let record = |role: u8, until: &str, version: u8| {
        format!(
            r#"{{"user":"{ID}","group":"{ID}","role":{role},"muteUntil":{until},"_id":"{ID}","__v":{version},"createdAt":"{TIME}","updatedAt":"{TIME}"}}"#
        )
    };
    let until = format!("\"{TIME}\"");
    for (what, body, expected) in [
        ("mute", json!({"until": "2099-01-01T00:00:00.000Z"}), record(0, &until, 1)),
        ("mute", json!({"until": null}), record(0, "null", 2)),
        ("admin", json!({"admin": true}), record(1, "null", 3)),
        ("remove", json!({"ban": true}), record(1, "null", 3)),
    ] {
        let mut body = body;
        body["user"] = json!(member.id);
        let answer = room.act(&room.owner, what, &body).await.ok();
        assert_documented(&answer.text, &expected);
        assert_eq!(answer.data()["user"], member.id);
    }
}

async fn the_group_as_it_is_changed(world: World) {
    let room = Room::new(&world).await;
    let record = |name: &str, version: u8, muted: bool, dismissed: &str| {
        let rest = format!(
            r#""__v":{version},"createdAt":"{TIME}","updatedAt":"{TIME}","kind":"chat","memberCount":1,"muted":{muted},"dismissedAt":{dismissed}"#
        );
        group(name, &rest)
    };
    let dismissed = format!("\"{TIME}\"");
    for (what, body, expected) in [
        ("muteAll", json!({"muted": true}), record("小黑子的世界", 1, true, "null")),
        ("update", json!({"name": "新的名字"}), record("新的名字", 2, true, "null")),
        ("dismiss", json!({}), record("新的名字", 3, true, &dismissed)),
    ] {
        assert_documented(&room.act(&room.owner, what, &body).await.ok().text, &expected);
    }
}

async fn a_message_of_each_kind(world: World) {
    let room = Room::new(&world).await;
    let owner = &room.owner;
    let request = room.text("你好");
    let first = room.send(owner, &request).await.ok();
    assert_documented(&first.text, &text_message(owner, 1, &request["clientId"], "你好"));
    let path = owner.client.upload("cat.png", picture(100)).await.ok().data();
    let mut picture = room.text("");
    picture["kind"] = json!("image");
    picture["content"] = json!({"path": path, "name": "猫.png", "size": 100, "width": 64});
    picture["replyTo"] = first.data()["_id"].clone();
    picture["mentions"] = json!(["all", owner.id]);
    let rest = format!(
        r#""kind":"image","content":{{"path":{path},"name":"猫.png","size":100,"width":64,"height":null}},"replyTo":{{"_id":"{ID}","seq":1,"user":{},"kind":"text","content":{{"text":"你好"}},"recalled":false}},"mentions":["all","{ID}"],"recalled":false,"editedAt":null,"__v":0"#,
        person(owner)
    );
    let answer = room.send(owner, &picture).await.ok();
    assert_documented(&answer.text, &message(owner, 2, &picture["clientId"], &rest));
}

async fn a_recalled_and_an_edited_message(world: World) {
    let room = Room::new(&world).await;
    let owner = &room.owner;
    let said = room.say(owner, "你号").await;
    let edit = json!({"message": said["_id"], "content": {"text": "你好"}});
    let edited = owner.client.post("/h5/message/edit", &edit).await.ok();
    let rest = format!(
        r#""kind":"text","content":{{"text":"你好"}},"replyTo":null,"mentions":[],"recalled":false,"editedAt":"{TIME}","__v":1"#
    );
    assert_documented(&edited.text, &message(owner, 1, &said["clientId"], &rest));
    let recalled = owner.client.post("/h5/message/recall", &json!({"message": said["_id"]})).await.ok();
    let rest = format!(
        r#""kind":"text","content":null,"replyTo":null,"mentions":[],"recalled":true,"editedAt":"{TIME}","__v":2"#
    );
    assert_documented(&recalled.text, &message(owner, 1, &said["clientId"], &rest));
}

async fn history_search_and_events(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let said = room.say(&room.owner, "你好").await;
    let epoch = text(&room.conversation(&member).await["epoch"]);
    let shown = text_message(&room.owner, 2, &said["clientId"], "你好");
    let get = async |path: &str| member.client.get(&format!("/h5/message{path}&group={}", room.group)).await.ok().text;
    let history = format!(r#"{{"messages":[{shown}],"before":null,"after":null,"epoch":"{epoch}"}}"#);
    assert_documented(&get("?limit=10").await, &history);
    assert_documented(&get("/search?q=你好").await, &format!(r#"{{"messages":[{shown}],"before":null}}"#));
    let head = format!(r#""group":"{ID}","epoch":"{epoch}""#);
    let joined =
        format!(r#"{{{head},"seq":1,"createdAt":"{TIME}","kind":"joined","user":{},"role":0}}"#, person(&member));
    let message = format!(r#"{{{head},"seq":2,"createdAt":"{TIME}","kind":"message","message":{shown}}}"#);
    let events = format!(r#"{{"events":[{joined},{message}],"headSeq":2,"epoch":"{epoch}","more":false}}"#);
    assert_documented(&get("/sync?after=0").await, &events);
}

async fn a_read_cursor(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    room.say(&room.owner, "你好").await;
    let answer = member.client.post("/h5/message/read", &json!({"group": room.group, "seq": 1})).await.ok();
    assert_documented(&answer.text, r#"{"readSeq":1,"unread":1}"#);
}

async fn conversations(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let said = room.say(&room.owner, "你好").await;
    let epoch = text(&room.conversation(&member).await["epoch"]);
    let rest = format!(
        r#""__v":0,"createdAt":"{TIME}","updatedAt":"{TIME}","kind":"chat","memberCount":2,"muted":false,"dismissedAt":null"#
    );
    let expected = format!(
        r#"{{"conversations":[{{"group":{},"lastMessage":{},"headSeq":2,"readSeq":1,"unread":1,"epoch":"{epoch}","role":0,"muteUntil":null}}],"after":null}}"#,
        group("小黑子的世界", &rest),
        text_message(&room.owner, 2, &said["clientId"], "你好")
    );
    assert_documented(&member.client.get("/h5/conversation").await.ok().text, &expected);
}

async fn customer_service(world: World) {
    let (owner, customer, member) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await["_id"].take();
    member.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    let served = customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok();
    let expected = format!(
        r#"{{"_id":"{ID}","user":"{ID}","activationCode":"","name":"小蓝的商页","icon":"{ICON}","customer":"{ID}","__v":1,"createdAt":"{TIME}","updatedAt":"{TIME}","serving":true}}"#
    );
    assert_documented(&served.text, &expected);
    let opened = member.client.post("/h5/merchant/contact", &json!({"merchant": page})).await.ok();
    let epoch = text(&opened.data()["epoch"]);
    let rest = format!(
        r#""__v":0,"createdAt":"{TIME}","updatedAt":"{TIME}","kind":"service","memberCount":2,"muted":false,"dismissedAt":null"#
    );
    let head = opened.data()["headSeq"].clone();
    let expected = format!(
        r#"{{"group":{},"lastMessage":null,"headSeq":{head},"readSeq":{head},"unread":0,"epoch":"{epoch}","role":0,"muteUntil":null}}"#,
        group("小蓝的商页", &rest)
    );
    assert_documented(&opened.text, &expected);
}
