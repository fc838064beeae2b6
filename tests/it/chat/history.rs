//! History by cursor, in both directions, and the sequence of events.

use serde_json::{Value, json};

use super::room::{Room, assert_refused, rows, seq, text, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, User, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        history_is_walked_towards_the_beginning_and_back,
        the_newest_come_first_where_nothing_is_named,
        a_window_has_bounds,
        events_are_read_on_from_where_a_client_stood,
        another_epoch_brings_no_events,
        every_change_is_an_event_in_one_sequence,
        many_texts_of_the_greatest_length_come_in_parts,
    ]
}

/// A room in which so many messages have been said, and what they are.
async fn talk(world: &World, count: usize) -> (Room, Vec<String>) {
    let room = Room::new(world).await;
    let said = (1..=count).map(|number| format!("第{number}句")).collect::<Vec<_>>();
    for words in &said {
        room.say(&room.owner, words).await;
    }
    (room, said)
}

fn said(page: &Value) -> Vec<String> {
    rows(&page["messages"]).iter().map(|message| words(message).to_owned()).collect()
}

async fn history_is_walked_towards_the_beginning_and_back(world: World) {
    let (room, all) = talk(&world, 25).await;
    let mut back = Vec::new();
    let mut page = room.history(&room.owner, "limit=10").await;
    loop {
        let mut part = said(&page);
        part.append(&mut back);
        back = part;
        let Some(before) = page["before"].as_i64() else {
            break;
        };
        page = room.history(&room.owner, &format!("limit=10&before={before}")).await;
    }
    assert_eq!(back, all);
    let (mut forth, mut after) = (Vec::new(), 0);
    loop {
        let page = room.history(&room.owner, &format!("limit=10&after={after}")).await;
        forth.append(&mut said(&page));
        let Some(next) = page["after"].as_i64() else {
            break;
        };
        after = next;
    }
    assert_eq!(forth, all);
}

async fn the_newest_come_first_where_nothing_is_named(world: World) {
    let (room, all) = talk(&world, 55).await;
    let page = room.history(&room.owner, "").await;
    assert_eq!(said(&page), all[5..], "fifty, in order");
    assert_eq!((page["before"].as_i64(), page["after"].as_i64()), (Some(6), None));
    assert_eq!(said(&room.history(&room.owner, "limit=200").await), all);
    assert_eq!(said(&room.history(&room.owner, "limit=1&before=3").await), [all[1].clone()]);
    assert_eq!(said(&room.history(&room.owner, "limit=1&after=3").await), [all[3].clone()]);
    assert_eq!(said(&room.history(&room.owner, "after=55").await), Vec::<String>::new());
}

async fn a_window_has_bounds(world: World) {
    let room = Room::new(&world).await;
    for (path, query, named) in [
        ("", "limit=0", "limit"),
        ("", "limit=201", "limit"),
        ("", "limit=many", "limit"),
        ("", "before=-1", "before"),
        ("", "after=x", "after"),
        ("", "before=1&after=1", "before"),
        ("", "before=1&before=2", "before"),
        ("/sync", "", "after"),
        ("/sync", "after=-1", "after"),
        ("/sync", "after=0&limit=501", "limit"),
        ("/search", "", "q"),
        ("/search", "q=%00%00", "q"),
        ("/search", "q=ab&limit=0", "limit"),
    ] {
        let answer = room.owner.client.get(&format!("/h5/message{path}?group={}&{query}", room.group)).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        let msg = answer.json()["msg"].to_string();
        assert!(msg.contains(&format!("字段 {named} ")), "{path}?{query}: {msg}");
    }
    for path in ["", "/sync", "/search"] {
        let ask = |query: String| {
            let client = &room.owner.client;
            async move { client.get(&format!("/h5/message{path}?after=0&q=你好&{query}")).await }
        };
        assert_refused(&ask(String::new()).await, 400, "INVALID_ARGUMENT");
        assert_refused(&ask("group=64E2".to_owned()).await, 400, "INVALID_ARGUMENT");
        assert_refused(&ask(format!("group={NOBODY}")).await, 404, "GROUP_NOT_FOUND");
    }
}

/// Everything after a place, as a client that resumes reads it.
async fn resumed(room: &Room, user: &User, mut after: i64, limit: usize) -> Vec<Value> {
    let mut events = Vec::new();
    loop {
        let path = format!("/h5/message/sync?group={}&after={after}&limit={limit}", room.group);
        let part = user.client.get(&path).await.ok().data();
        let mut read = rows(&part["events"]);
        assert!(read.len() <= limit, "{part}");
        after = read.last().map_or(after, seq);
        events.append(&mut read);
        if part["more"] == false {
            assert_eq!(part["headSeq"], after);
            return events;
        }
    }
}

async fn events_are_read_on_from_where_a_client_stood(world: World) {
    let (room, all) = talk(&world, 23).await;
    for after in [0, 1, 10, 22, 23] {
        let events = resumed(&room, &room.owner, after, 5).await;
        let places = events.iter().map(seq).collect::<Vec<_>>();
        assert_eq!(places, (after + 1..=23).collect::<Vec<_>>());
        let heard = events.iter().map(|event| words(&event["message"]).to_owned()).collect::<Vec<_>>();
        assert_eq!(heard, all[usize::try_from(after).unwrap()..]);
    }
}

async fn another_epoch_brings_no_events(world: World) {
    let (room, _) = talk(&world, 3).await;
    let sync = |epoch: String| {
        let (client, group) = (&room.owner.client, &room.group);
        async move { client.get(&format!("/h5/message/sync?group={group}&after=1&epoch={epoch}")).await.ok().data() }
    };
    let epoch = text(&sync(String::new()).await["epoch"]);
    assert_eq!(room.history(&room.owner, "").await["epoch"], json!(epoch));
    assert_eq!(room.conversation(&room.owner).await["epoch"], json!(epoch));
    assert_eq!(rows(&sync(epoch.clone()).await["events"]).len(), 2);
    let other = sync("0123456789abcdef01234567".to_owned()).await;
    let expected = json!({"events": [], "headSeq": 3, "epoch": epoch, "more": false});
    assert_eq!(other, expected, "what the client holds is of another history");
}

async fn every_change_is_an_event_in_one_sequence(world: World) {
    let room = Room::new(&world).await;
    let (one, another) = (room.member(&world).await, room.member(&world).await);
    let said = room.say(&one, "第一句").await;
    let message = json!({"message": said["_id"], "content": {"text": "改过的"}});
    one.client.post("/h5/message/edit", &message).await.ok();
    room.act(&room.owner, "admin", &json!({"user": one.id, "admin": true})).await.ok();
    room.act(&one, "mute", &json!({"user": another.id, "until": "2099-01-01T00:00:00.000Z"})).await.ok();
    room.act(&one, "muteAll", &json!({"muted": true})).await.ok();
    room.act(&room.owner, "update", &json!({"name": "新的名字"})).await.ok();
    room.owner.client.post("/h5/message/recall", &json!({"message": said["_id"]})).await.ok();
    room.act(&one, "remove", &json!({"user": another.id})).await.ok();
    room.act(&one, "leave", &json!({})).await.ok();
    room.act(&room.owner, "dismiss", &json!({})).await.ok();
    let events = room.events(&room.owner, 0).await;
    let kinds = events.iter().map(|event| text(&event["kind"])).collect::<Vec<_>>();
    let expected = [
        "joined",
        "joined",
        "message",
        "edited",
        "role",
        "muted",
        "groupMuted",
        "groupUpdated",
        "recalled",
        "removed",
        "left",
        "dismissed",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(events.iter().map(seq).collect::<Vec<_>>(), (1..=12).collect::<Vec<_>>());
    assert_eq!(events[5]["user"]["username"], another.name);
    assert_eq!(events[5]["by"]["username"], one.name);
    assert_eq!(events[5]["until"], "2099-01-01T00:00:00.000Z");
    assert_eq!(events[7]["name"], "新的名字");
    assert!(events.iter().all(|event| event["group"] == room.group && event["createdAt"].is_string()));
}

async fn many_texts_of_the_greatest_length_come_in_parts(world: World) {
    let room = Room::new(&world).await;
    // Four bytes a character: 50 of them are more than the megabyte that an answer carries.
    let longest = "𠀀".repeat(5_000);
    for _ in 0..55 {
        room.say(&room.owner, &longest).await;
    }
    let page = room.history(&room.owner, "limit=200").await;
    let shown = rows(&page["messages"]).len();
    assert!((10..55).contains(&shown), "{shown} at once");
    assert_eq!(page["before"], rows(&page["messages"])[0]["seq"]);
    let events = resumed(&room, &room.owner, 0, 500).await;
    assert_eq!(events.iter().map(seq).collect::<Vec<_>>(), (1..=55).collect::<Vec<_>>());
}
