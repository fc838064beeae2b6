//! Keeping order: rank, muting, removing, banning, and the end of a group.

use chrono::{SecondsFormat, TimeDelta};
use serde_json::{Value, json};

use super::room::{Room, assert_refused, rows, seq, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, User, World, now},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        one_acts_only_on_lower_rank,
        a_muted_member_is_silent_until_then,
        a_mute_ends_by_itself,
        a_muted_group_hears_owner_and_admins_only,
        who_is_removed_may_come_back_unless_banned,
        admins_come_and_go,
        the_owner_renames_the_group,
        a_dismissed_group_can_be_read_and_takes_nothing_new,
        a_change_to_what_is_already_so_is_none,
    ]
}

/// A moment so many seconds from now, as a request says it.
fn in_seconds(seconds: i64) -> Value {
    json!((now() + TimeDelta::seconds(seconds)).to_rfc3339_opts(SecondsFormat::Millis, true))
}

async fn one_acts_only_on_lower_rank(world: World) {
    let room = Room::new(&world).await;
    let (one, another) = (room.admin(&world).await, room.admin(&world).await);
    let (member, guest) = (room.member(&world).await, room.guest(&world).await);
    let until = in_seconds(600);
    let may_not = [
        (&member, &one, "ROLE_TOO_LOW"),
        (&member, &room.owner, "ROLE_TOO_LOW"),
        (&one, &another, "ROLE_TOO_LOW"),
        (&one, &room.owner, "ROLE_TOO_LOW"),
        (&room.owner, &room.owner, "ROLE_TOO_LOW"),
        (&guest, &member, "NOT_GROUP_MEMBER"),
    ];
    for (actor, target, reason) in may_not {
        let remove = room.act(actor, "remove", &json!({"user": target.id})).await;
        assert_refused(&remove, 403, reason);
        let mute = room.act(actor, "mute", &json!({"user": target.id, "until": until})).await;
        assert_refused(&mute, 403, reason);
    }
    assert_refused(&room.act(&one, "mute", &json!({"user": guest.id, "until": until})).await, 404, "MEMBER_NOT_FOUND");
    for actor in [&one, &member] {
        assert_refused(
            &room.act(actor, "admin", &json!({"user": member.id, "admin": true})).await,
            403,
            "ROLE_TOO_LOW",
        );
        assert_refused(&room.act(actor, "update", &json!({"name": "我的"})).await, 403, "ROLE_TOO_LOW");
        assert_refused(&room.act(actor, "dismiss", &json!({})).await, 403, "ROLE_TOO_LOW");
    }
    assert_refused(&room.act(&member, "muteAll", &json!({"muted": true})).await, 403, "ROLE_TOO_LOW");
    room.act(&one, "mute", &json!({"user": member.id, "until": until})).await.ok();
    room.act(&room.owner, "remove", &json!({"user": one.id})).await.ok();
    assert_refused(&room.act(&one, "remove", &json!({"user": member.id})).await, 403, "NOT_GROUP_MEMBER");
}

async fn a_muted_member_is_silent_until_then(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let until = in_seconds(600);
    let mute = |until: Value| {
        let body = json!({"user": member.id, "until": until});
        let room = &room;
        async move { room.act(&room.owner, "mute", &body).await }
    };
    let muted = mute(until.clone()).await.ok().data();
    assert_eq!((&muted["user"], &muted["muteUntil"]), (&json!(member.id), &until));
    assert_refused(&room.send(&member, &room.text("让我说")).await, 403, "MUTED");
    assert_eq!(room.conversation(&member).await["muteUntil"], until, "the member can see why");
    // Leaving is no way out.
    room.act(&member, "leave", &json!({})).await.ok();
    room.join(&member).await.ok();
    let lifted = mute(Value::Null).await.ok().data();
    assert_eq!(lifted["muteUntil"], Value::Null);
    room.say(&member, "谢谢").await;
    for wrong in [json!("soon"), json!(1), in_seconds(-1)] {
        assert_refused(&mute(wrong).await, 400, "INVALID_ARGUMENT");
    }
    let unsaid = room.act(&room.owner, "mute", &json!({"user": member.id})).await;
    assert_refused(&unsaid, 400, "INVALID_ARGUMENT");
    assert!(unsaid.json()["msg"].to_string().contains("until"), "{unsaid:?}");
}

async fn a_mute_ends_by_itself(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let end = now() + TimeDelta::seconds(4);
    let body = json!({"user": member.id, "until": end.to_rfc3339_opts(SecondsFormat::Millis, true)});
    room.act(&room.owner, "mute", &body).await.ok();
    let mut pause = tokio::time::interval(std::time::Duration::from_millis(100));
    let request = room.text("好了吗");
    for _ in 0..100 {
        pause.tick().await;
        let answer = room.send(&member, &request).await;
        if answer.status.is_success() {
            assert!(now() >= end, "a member spoke before the mute's end");
            return;
        }
        assert_refused(&answer, 403, "MUTED");
    }
    panic!("the mute never ended");
}

async fn a_muted_group_hears_owner_and_admins_only(world: World) {
    let room = Room::new(&world).await;
    let (admin, member) = (room.admin(&world).await, room.member(&world).await);
    let muted = room.act(&admin, "muteAll", &json!({"muted": true})).await.ok().data();
    assert_eq!((&muted["_id"], &muted["muted"]), (&json!(room.group), &json!(true)));
    assert_refused(&room.send(&member, &room.text("喂")).await, 403, "GROUP_MUTED");
    room.say(&admin, "请安静").await;
    room.say(&room.owner, "谢谢").await;
    assert_eq!(room.conversation(&member).await["group"]["muted"], true);
    room.act(&room.owner, "muteAll", &json!({"muted": false})).await.ok();
    room.say(&member, "终于").await;
}

async fn who_is_removed_may_come_back_unless_banned(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    room.say(&room.owner, "你好").await;
    let removed = room.act(&room.owner, "remove", &json!({"user": member.id})).await.ok().data();
    assert_eq!((&removed["user"], &removed["role"]), (&json!(member.id), &json!(0)));
    let history = member.client.get(&format!("/h5/message?group={}", room.group)).await;
    assert_refused(&history, 403, "NOT_GROUP_MEMBER");
    let again = room.act(&room.owner, "remove", &json!({"user": member.id})).await;
    assert_refused(&again, 404, "MEMBER_NOT_FOUND");
    room.join(&member).await.ok();
    assert_eq!(rows(&room.history(&member, "").await["messages"]).len(), 1, "the history is there again");
    room.act(&room.owner, "remove", &json!({"user": member.id, "ban": true})).await.ok();
    assert_refused(&room.join(&member).await, 403, "BANNED");
    let events = room.events(&room.owner, 0).await;
    let bans = events.iter().filter(|event| event["kind"] == "removed").map(|event| event["ban"].clone());
    assert_eq!(bans.collect::<Vec<_>>(), [false, true]);
    assert!(events.iter().all(|event| event["kind"] != "removed" || event["by"]["_id"] == room.owner.id));
}

async fn admins_come_and_go(world: World) {
    let room = Room::new(&world).await;
    let (one, another) = (room.member(&world).await, room.member(&world).await);
    let set = |user: &User, admin: bool| {
        let body = json!({"user": user.id, "admin": admin});
        let room = &room;
        async move { room.act(&room.owner, "admin", &body).await }
    };
    assert_eq!(set(&one, true).await.ok().data()["role"], 1);
    assert_eq!(room.conversation(&one).await["role"], 1);
    room.act(&one, "mute", &json!({"user": another.id, "until": in_seconds(60)})).await.ok();
    assert_eq!(set(&one, false).await.ok().data()["role"], 0);
    let mute = room.act(&one, "mute", &json!({"user": another.id, "until": in_seconds(60)})).await;
    assert_refused(&mute, 403, "ROLE_TOO_LOW");
    assert_refused(&set(&room.owner, false).await, 403, "ROLE_TOO_LOW");
    let events = room.events(&another, 0).await;
    let roles = events.iter().filter(|event| event["kind"] == "role").map(|event| event["role"].clone());
    assert_eq!(roles.collect::<Vec<_>>(), [1, 0]);
}

async fn the_owner_renames_the_group(world: World) {
    let room = Room::new(&world).await;
    let before = room.conversation(&room.owner).await["group"].take();
    let renamed = room.act(&room.owner, "update", &json!({"name": " 新的名字 "})).await.ok().data();
    assert_eq!((&renamed["name"], &renamed["icon"]), (&json!("新的名字"), &before["icon"]));
    assert_eq!(renamed["__v"], 1);
    let icon = "https://img.example/other.jpg";
    let redrawn = room.act(&room.owner, "update", &json!({"icon": icon, "name": null})).await.ok().data();
    assert_eq!((&redrawn["name"], &redrawn["icon"]), (&json!("新的名字"), &json!(icon)));
    let listed = room.owner.client.post("/h5/group/getGroup", &json!({"merchant": room.page})).await.ok().data();
    assert_eq!((&listed[0]["name"], &listed[0]["icon"]), (&json!("新的名字"), &json!(icon)));
    for (field, wrong) in [("name", "  "), ("icon", "javascript:alert(1)")] {
        let mut body = json!({"name": "群", "icon": ICON});
        body[field] = json!(wrong);
        let answer = room.act(&room.owner, "update", &body).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains(field), "{answer:?}");
    }
}

async fn a_dismissed_group_can_be_read_and_takes_nothing_new(world: World) {
    let room = Room::new(&world).await;
    let (member, guest) = (room.member(&world).await, room.guest(&world).await);
    let said = room.say(&member, "再见").await;
    let dismissed = room.act(&room.owner, "dismiss", &json!({})).await.ok().data();
    assert!(dismissed["dismissedAt"].is_string(), "{dismissed}");
    assert_eq!(room.act(&room.owner, "dismiss", &json!({})).await.ok().data(), dismissed);
    assert_eq!(words(&room.history(&member, "").await["messages"][0]), "再见");
    room.events(&member, 0).await;
    for (user, what, body) in [
        (&room.owner, "remove", json!({"user": member.id})),
        (&room.owner, "mute", json!({"user": member.id, "until": in_seconds(60)})),
        (&room.owner, "admin", json!({"user": member.id, "admin": true})),
        (&room.owner, "muteAll", json!({"muted": true})),
        (&room.owner, "update", json!({"name": "复活"})),
        (&guest, "join", json!({})),
    ] {
        assert_refused(&room.act(user, what, &body).await, 409, "GROUP_DISMISSED");
    }
    assert_refused(&room.send(&member, &room.text("还有人吗")).await, 409, "GROUP_DISMISSED");
    let edit = json!({"message": said["_id"], "content": {"text": "不见"}});
    assert_refused(&member.client.post("/h5/message/edit", &edit).await, 409, "GROUP_DISMISSED");
    let page = json!({"merchant": room.page});
    assert_eq!(guest.client.post("/h5/group/getGroup", &page).await.ok().data(), json!([]), "outsiders see it no more");
    assert_eq!(rows(&member.client.post("/h5/group/getGroup", &page).await.ok().data()).len(), 1);
}

async fn a_change_to_what_is_already_so_is_none(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let until = in_seconds(600);
    for (what, body) in [
        ("mute", json!({"user": member.id, "until": until})),
        ("admin", json!({"user": member.id, "admin": true})),
        ("muteAll", json!({"muted": true})),
        ("update", json!({"name": "新的名字"})),
    ] {
        let first = room.act(&room.owner, what, &body).await.ok();
        let head = seq(room.events(&room.owner, 0).await.last().expect("the change left an event"));
        let again = room.act(&room.owner, what, &body).await.ok();
        assert_eq!(first.text, again.text, "{what}");
        assert_eq!(room.events(&room.owner, head).await, Vec::<Value>::new(), "{what}");
    }
}
