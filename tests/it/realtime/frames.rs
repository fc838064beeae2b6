//! The frames as such: what every request repeats, and what is done with one that makes no sense.

use serde_json::json;

use super::connect;
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared: every_answer_repeats_its_requests_id, a_frame_without_sense_is_refused_and_no_more]
}

async fn every_answer_repeats_its_requests_id(world: World) {
    let room = Room::new(&world).await;
    let mut socket = connect(&world, &room.owner).await;
    let group = &room.group;
    for (body, answer) in [
        (json!({"type": "send", "group": group, "clientId": "a", "kind": "text", "content": {"text": "a"}}), "ack"),
        (json!({"type": "sync", "group": group, "epoch": "", "after": 0}), "events"),
        (json!({"type": "read", "group": group, "seq": 1}), "ack"),
        (json!({"type": "watch", "group": group}), "ack"),
        (json!({"type": "unwatch", "group": group}), "ack"),
        (json!({"type": "typing"}), "error"),
        (json!({"type": "nonsense"}), "error"),
    ] {
        for id in [json!(-5), json!("一个名字")] {
            let mut request = body.clone();
            request["id"] = id.clone();
            socket.send(&request).await;
            let answered = socket.wait_for(|frame| frame["id"] == id).await;
            assert_eq!(answered["type"], answer, "{request}: {answered}");
        }
    }
}

async fn a_frame_without_sense_is_refused_and_no_more(world: World) {
    let room = Room::new(&world).await;
    let mut socket = connect(&world, &room.owner).await;
    let deep = format!(r#"{{"type":"pong","x":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for text in [
        "",
        "{",
        "[]",
        "null",
        "\"send\"",
        "{}",
        r#"{"type":1}"#,
        r#"{"type":"send"}"#,
        r#"{"type":"pong","type":"pong"}"#,
        r#"{"id":1.5,"type":"pong"}"#,
        r#"{"id":{},"type":"pong"}"#,
        r#"{"type":"sync","group":"x","after":0}"#,
        r#"{"type":"sync","group":"0123456789abcdef01234567","after":-1}"#,
        r#"{"type":"watch","group":1}"#,
        r#"{"type":"pong","x":"\u0000"}"#,
        deep.as_str(),
    ] {
        socket.send_text(text).await;
        let error = socket.wait_for(|frame| frame["type"] == "error").await;
        assert!(matches!(error["code"].as_u64(), Some(400 | 404)), "{text}: {error}");
        assert!(error["msg"].as_str().is_some_and(|msg| !msg.is_empty()) && error["id"].is_null(), "{text}: {error}");
    }
    // Who already is someone does not become someone else.
    let again = socket.request(json!({"type": "connect", "token": "eyJ"})).await;
    assert_eq!((&again["code"], &again["reason"]), (&json!(400), &json!("INVALID_ARGUMENT")));
    let said = socket.say(&room.group, "b", "还在").await;
    assert_eq!(said["type"], "ack", "{said}");
}
