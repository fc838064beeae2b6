//! Coming, going and who is there.

use futures::future::join_all;
use serde_json::json;

use super::room::{Room, assert_refused, rows, text};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_group_is_joined_by_members_of_its_page,
        joining_at_once_and_again_is_joining_once,
        the_customer_service_user_joins_as_an_admin,
        who_comes_later_sees_the_history_and_has_read_it,
        who_leaves_sees_nothing_more_and_may_come_back,
        the_owner_stays,
        members_are_listed_in_pages_and_by_name,
        outsiders_see_no_members,
    ]
}

async fn a_group_is_joined_by_members_of_its_page(world: World) {
    let room = Room::new(&world).await;
    let user = world.user().await;
    assert_refused(&room.join(&user).await, 403, "NOT_PAGE_MEMBER");
    user.client.post("/h5/merchant", &json!({"merchant": room.page})).await.ok();
    let member = room.join(&user).await.ok().data()[0].take();
    assert_eq!((&member["user"], &member["group"], &member["role"]), (&json!(user.id), &json!(room.group), &json!(0)));
    let listed = user.client.post("/h5/group/getGroup", &json!({"merchant": room.page})).await.ok().data();
    assert_eq!(listed[0]["state"], 1, "the chat may be opened");
    let events = room.events(&user, 0).await;
    assert_eq!((&events[0]["kind"], &events[0]["user"]["_id"]), (&json!("joined"), &json!(user.id)));
    assert_refused(&user.client.post("/h5/group/join", &json!({"group": NOBODY})).await, 404, "GROUP_NOT_FOUND");
}

async fn joining_at_once_and_again_is_joining_once(world: World) {
    let room = Room::new(&world).await;
    let user = room.guest(&world).await;
    let joins = join_all((0..8).map(|_| room.join(&user))).await;
    for join in joins {
        assert_eq!(join.ok().data(), room.join(&user).await.ok().data());
    }
    assert_eq!(room.conversation(&user).await["group"]["memberCount"], 2);
    assert_eq!(room.events(&user, 0).await.len(), 1);
}

async fn the_customer_service_user_joins_as_an_admin(world: World) {
    let (owner, customer) = (world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await;
    let room = Room::on(&world, owner, &page).await;
    customer.client.post("/h5/merchant", &json!({"merchant": room.page})).await.ok();
    assert_eq!(room.join(&customer).await.ok().data()[0]["role"], 1);
    let members = room.owner.client.get(&format!("/h5/group/members?group={}", room.group)).await.ok().data();
    assert_eq!(members["members"][0]["role"], 2, "who opened the group owns it");
}

async fn who_comes_later_sees_the_history_and_has_read_it(world: World) {
    let room = Room::new(&world).await;
    room.say(&room.owner, "第一句").await;
    let late = room.member(&world).await;
    assert_eq!(room.history(&late, "").await["messages"][0]["content"]["text"], "第一句");
    assert_eq!(room.conversation(&late).await["unread"], 0);
    room.say(&room.owner, "第二句").await;
    assert_eq!(room.conversation(&late).await["unread"], 1);
}

async fn who_leaves_sees_nothing_more_and_may_come_back(world: World) {
    let room = Room::new(&world).await;
    let user = room.member(&world).await;
    let left = room.act(&user, "leave", &json!({})).await.ok();
    assert_eq!(left.json(), json!({"data": null, "msg": "success", "code": 200}));
    room.act(&user, "leave", &json!({})).await.ok();
    room.say(&room.owner, "他走了").await;
    for path in ["", "/sync", "/search"] {
        let answer = user.client.get(&format!("/h5/message{path}?group={}&after=0&q=走了", room.group)).await;
        assert_refused(&answer, 403, "NOT_GROUP_MEMBER");
    }
    assert_refused(&room.send(&user, &room.text("喂")).await, 403, "NOT_GROUP_MEMBER");
    assert_eq!(user.client.get("/h5/conversation").await.ok().data()["conversations"], json!([]));
    let kinds = room.events(&room.owner, 0).await.iter().map(|event| event["kind"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds, ["joined", "left", "message"], "leaving twice is leaving once");
    room.join(&user).await.ok();
    assert_eq!(room.history(&user, "").await["messages"][0]["content"]["text"], "他走了");
}

async fn the_owner_stays(world: World) {
    let room = Room::new(&world).await;
    assert_refused(&room.act(&room.owner, "leave", &json!({})).await, 409, "OWNER_CANNOT_LEAVE");
    room.say(&room.owner, "还在").await;
}

async fn members_are_listed_in_pages_and_by_name(world: World) {
    let room = Room::new(&world).await;
    let mut expected = vec![(room.owner.id.clone(), room.owner.name.clone())];
    for _ in 0..4 {
        let member = room.member(&world).await;
        expected.push((member.id, member.name));
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    loop {
        let path = format!("/h5/group/members?group={}&limit=2{after}", room.group);
        let page = room.owner.client.get(&path).await.ok().data();
        let members = rows(&page["members"]);
        assert!((1..=2).contains(&members.len()), "{page}");
        seen.extend(members.iter().map(|it| (text(&it["user"]["_id"]), text(&it["user"]["username"]))));
        if page["after"].is_null() {
            break;
        }
        after = format!("&after={}", text(&page["after"]));
    }
    assert_eq!(seen, expected);
    for (query, named) in [("limit=0", "limit"), ("limit=201", "limit"), ("after=x", "after"), ("after=", "after")] {
        let answer = room.owner.client.get(&format!("/h5/group/members?group={}&{query}", room.group)).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains(named), "{answer:?}");
    }
}

async fn outsiders_see_no_members(world: World) {
    let room = Room::new(&world).await;
    let guest = room.guest(&world).await;
    let members = |group: &str| format!("/h5/group/members?group={group}");
    assert_refused(&guest.client.get(&members(&room.group)).await, 403, "NOT_GROUP_MEMBER");
    assert_refused(&guest.client.get(&members(NOBODY)).await, 404, "GROUP_NOT_FOUND");
    assert_refused(&guest.client.get(&members("64E2")).await, 400, "INVALID_ARGUMENT");
    assert_refused(&guest.client.get("/h5/group/members").await, 400, "INVALID_ARGUMENT");
}
