//! What is held of somebody, given to them as a file.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared: everything_that_is_held_of_somebody_is_in_the_file]
}

async fn everything_that_is_held_of_somebody_is_in_the_file(world: World) {
    let room = Room::new(&world).await;
    let user = room.member(&world).await;
    user.client.post("/h5/user/profile", &json!({"nickname": "小蓝"})).await.ok();
    let own = world.page(&user).await["_id"].take();
    user.client.post("/h5/merchant/close", &json!({"merchant": own})).await.ok();
    user.client.post("/h5/user/block", &json!({"user": room.owner.id, "blocked": true})).await.ok();
    let report = json!({"user": room.owner.id, "merchant": room.page, "reason": "广告"});
    let report = user.client.post("/h5/report", &report).await.ok().data();
    let theirs = room.say(&room.owner, "别人的话").await;
    let mut answer = room.text("我的话");
    answer["replyTo"] = theirs["_id"].clone();
    let answer = room.send(&user, &answer).await.ok().data();
    let taken_back = room.say(&user, "收回的话").await;
    user.client.post("/h5/message/recall", &json!({"message": taken_back["_id"]})).await.ok();

    let file = user.client.get("/h5/user/export").await.ok();
    assert_eq!(file.header("content-type"), "application/x-ndjson");
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"chatroom-export.ndjson\"");
    let lines: Vec<Value> = file.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let expected =
        ["account", "pageJoined", "pageJoined", "pageOpened", "group", "block", "report", "message", "message", "end"];
    assert_eq!(kinds, expected);
    let of = |index: usize, field: &str| lines[index][field].clone();
    assert_eq!((of(0, "_id"), of(0, "username"), of(0, "nickname")), (json!(user.id), json!(user.name), json!("小蓝")));
    assert_eq!((&lines[1]["merchant"]["_id"], &lines[2]["merchant"]["_id"]), (&room.page, &own));
    assert!(of(3, "_id") == own && of(3, "closedAt").is_string() && of(3, "activationCode") == json!("asdasad"));
    assert_eq!((&lines[4]["group"]["_id"], of(4, "role")), (&json!(room.group), json!(0)));
    assert_eq!(
        (of(5, "user"), of(6, "_id"), of(6, "reason")),
        (json!(room.owner.id), report["_id"].clone(), json!("广告"))
    );
    assert_eq!((of(7, "_id"), of(7, "replyTo")), (answer["_id"].clone(), theirs["_id"].clone()));
    assert_eq!((&lines[7]["content"]["text"], of(8, "content")), (&json!("我的话"), Value::Null));
    assert!(!file.text.contains("别人的话"), "what others have said is theirs");
    assert!(!file.text.contains("argon2"), "the hash stays where it is");
    assert_eq!(world.client().get("/h5/user/export").await.status, StatusCode::UNAUTHORIZED);
}
