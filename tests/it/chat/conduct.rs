//! What pages do not want said, who wants to hear nothing of whom, what is reported, and whose files are shown.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::room::{Room, assert_refused};
use crate::{
    suite::{Scenario, scenarios},
    world::{User, World, fresh_name, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_long_list_of_unwanted_words_masks_or_refuses,
        a_blocked_user_is_not_heard,
        a_report_reaches_the_pages_creator,
        blocks_and_reports_go_on_from_a_documented_place_only,
        only_ones_own_files_are_shown_and_passed_on,
        a_recalled_file_is_gone_unless_it_is_used,
        retention_is_the_creators_to_set,
    ]
}

async fn a_long_list_of_unwanted_words_masks_or_refuses(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut words: Vec<_> = (0..99_999).map(|number| format!("不许说{number}号")).collect();
    words.push("坏词".to_owned());
    let set = async |mode: &str, words: &[String]| {
        let body = json!({"merchant": room.page, "mode": mode, "words": words});
        room.owner.client.post("/h5/merchant/words", &body).await
    };
    assert_eq!(set("mask", &words).await.ok().data(), json!({"count": 100_000}));
    let said = room.say(&member, "这是坏 词，也是坏词；不许说77777号").await;
    assert_eq!(said["content"]["text"], "这是坏 词，也是**；*********");
    let history = room.history(&member, "").await;
    assert_eq!(history["messages"][0]["content"], said["content"]);
    set("refuse", &["坏词".to_owned()]).await.ok();
    let refused = room.send(&member, &room.text("坏\u{200B}词")).await;
    assert_eq!((refused.status, refused.reason().as_str()), (StatusCode::FORBIDDEN, "WORDS_REFUSED"));
    words.push("还有一个".to_owned());
    assert_eq!(set("mask", &words).await.status, StatusCode::BAD_REQUEST);
    let path = format!("/h5/merchant/words?merchant={}", room.page.as_str().expect("an id is text"));
    assert_eq!(room.owner.client.get(&path).await.ok().data(), json!({"mode": "refuse", "words": ["坏词"]}));
}

async fn a_blocked_user_is_not_heard(world: World) {
    let room = Room::new(&world).await;
    let guest = room.member(&world).await;
    let contact = guest.client.post("/h5/merchant/contact", &json!({"merchant": room.page})).await.ok().data();
    let private = contact["group"]["_id"].clone();
    let say = async |user: &User, group: &Value, mentions: Value| {
        let body = json!({"group": group, "clientId": fresh_name("message"), "kind": "text",
            "content": {"text": "在吗？"}, "mentions": mentions});
        user.client.post("/h5/message", &body).await
    };
    say(&guest, &private, json!([])).await.ok();
    room.owner.client.post("/h5/user/block", &json!({"user": guest.id, "blocked": true})).await.ok();
    assert_eq!(say(&guest, &private, json!([])).await.reason(), "BLOCKED");
    let mentioned = say(&guest, &json!(room.group), json!([room.owner.id])).await.ok().data();
    assert_eq!(mentioned["mentions"], json!([]));
    let blocks = room.owner.client.get("/h5/user/blocks").await.ok().data();
    assert_eq!(blocks["blocks"][0]["user"]["username"], guest.name);
    room.owner.client.post("/h5/user/block", &json!({"user": guest.id, "blocked": false})).await.ok();
    say(&guest, &private, json!([])).await.ok();
    assert_eq!(room.owner.client.get("/h5/user/blocks").await.ok().data()["blocks"], json!([]));
}

async fn a_report_reaches_the_pages_creator(world: World) {
    let room = Room::new(&world).await;
    let (spammer, member) = (room.member(&world).await, room.member(&world).await);
    let said = room.say(&spammer, "买它！").await;
    let body = json!({"message": said["_id"], "reason": "广告"});
    let report = member.client.post("/h5/report", &body).await.ok().data();
    assert_eq!((&report["user"], &report["resolvedAt"]), (&json!(spammer.id), &Value::Null));
    let path = format!("/h5/report?merchant={}", room.page.as_str().expect("an id is text"));
    let waiting = room.owner.client.get(&path).await.ok().data();
    let first = &waiting["reports"][0];
    assert_eq!((&first["message"]["content"]["text"], &first["reason"]), (&json!("买它！"), &json!("广告")));
    assert_eq!(
        (&first["reporter"]["username"], &first["user"]["username"]),
        (&json!(member.name), &json!(spammer.name))
    );
    let resolve = json!({"report": report["_id"], "resolution": "已移出"});
    let resolved = room.owner.client.post("/h5/report/resolve", &resolve).await.ok().data();
    assert!(resolved["resolvedAt"].is_string());
    assert_eq!(room.owner.client.get(&path).await.ok().data()["reports"], json!([]));
    assert_eq!(
        room.owner.client.get(&format!("{path}&resolved=true")).await.ok().data()["reports"][0]["resolution"],
        "已移出"
    );
}

async fn blocks_and_reports_go_on_from_a_documented_place_only(world: World) {
    let room = Room::new(&world).await;
    let reports = format!("/h5/report?merchant={}", room.page.as_str().expect("an id is text"));
    for list in ["/h5/user/blocks?limit=1", &reports] {
        room.owner.client.get(list).await.ok();
        for wrong in ["", "x", "1.x"] {
            let answer = room.owner.client.get(&format!("{list}&after={wrong}")).await;
            assert_refused(&answer, 400, "INVALID_ARGUMENT");
            assert!(answer.json()["msg"].to_string().contains("字段 after "), "{answer:?}");
        }
    }
}

/// Uploads a picture and answers its path.
async fn upload(user: &User) -> String {
    let data = user.client.upload("a.png", picture(1000)).await.ok().data();
    data.as_str().expect("a path is text").to_owned()
}

fn image(room: &Room, path: &str) -> Value {
    json!({"group": room.group, "clientId": fresh_name("image"), "kind": "image",
        "content": {"path": path, "name": "猫.png", "size": 1000}})
}

async fn only_ones_own_files_are_shown_and_passed_on(world: World) {
    let (room, elsewhere) = (Room::new(&world).await, Room::new(&world).await);
    let member = room.member(&world).await;
    let path = upload(&member).await;
    let stolen = room.send(&room.owner, &image(&room, &path)).await;
    assert_eq!((stolen.status, stolen.reason().as_str()), (StatusCode::NOT_FOUND, "FILE_NOT_FOUND"));
    room.send(&member, &image(&room, &path)).await.ok();
    // Who has been shown it may pass it on.
    room.send(&room.owner, &image(&room, &path)).await.ok();
    assert_eq!(elsewhere.send(&elsewhere.owner, &image(&elsewhere, &path)).await.reason(), "FILE_NOT_FOUND");
}

async fn a_recalled_file_is_gone_unless_it_is_used(world: World) {
    let room = Room::new(&world).await;
    let (alone, twice, icon) = (upload(&room.owner).await, upload(&room.owner).await, upload(&room.owner).await);
    let page = json!({"activationCode": "asdasad", "name": "页", "icon": icon, "customer": room.owner.id});
    room.owner.client.post("/h5/merchant/createMerchant", &page).await.ok();
    room.send(&room.owner, &image(&room, &twice)).await.ok();
    for path in [&twice, &icon, &alone] {
        let sent = room.send(&room.owner, &image(&room, path)).await.ok().data();
        room.owner.client.post("/h5/message/recall", &json!({"message": sent["_id"]})).await.ok();
    }
    let gone = async {
        while world.client().get(&alone).await.status != StatusCode::NOT_FOUND {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the recalled file is deleted");
    for path in [&twice, &icon] {
        assert_eq!(world.client().get(path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(room.send(&room.owner, &image(&room, &alone)).await.reason(), "FILE_NOT_FOUND");
}

async fn retention_is_the_creators_to_set(world: World) {
    let room = Room::new(&world).await;
    let path = format!("/h5/merchant/retention?merchant={}", room.page.as_str().expect("an id is text"));
    let set = async |days: Value| {
        room.owner.client.post("/h5/merchant/retention", &json!({"merchant": room.page, "days": days})).await
    };
    assert_eq!(room.owner.client.get(&path).await.ok().data(), json!({"days": null}));
    set(json!(30)).await.ok();
    assert_eq!(room.owner.client.get(&path).await.ok().data(), json!({"days": 30}));
    for days in [json!(0), json!(3651), json!("30")] {
        assert_eq!(set(days).await.status, StatusCode::BAD_REQUEST);
    }
    set(Value::Null).await.ok();
    assert_eq!(room.owner.client.get(&path).await.ok().data(), json!({"days": null}));
    // What is new is kept.
    set(json!(1)).await.ok();
    let said = room.say(&room.owner, "你好").await;
    assert_eq!(room.history(&room.owner, "").await["messages"][0], said);
}
