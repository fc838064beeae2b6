//! The list of conversations: who stands in it, in which order, and what is shown of each.

use serde_json::{Value, json};

use super::room::{Room, assert_refused, rows, text, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{User, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        the_newest_activity_stands_first,
        the_list_comes_in_pages,
        a_group_without_messages_is_listed_too,
        nobody_sees_conversations_of_others,
    ]
}

async fn groups(user: &User) -> Vec<String> {
    let listed = user.client.get("/h5/conversation").await.ok().data();
    rows(&listed["conversations"]).iter().map(|conversation| text(&conversation["group"]["_id"])).collect()
}

/// So many groups of one page, all of one owner.
async fn rooms(world: &World, count: usize) -> Vec<Room> {
    let first = Room::new(world).await;
    let (owner, page) = (first.owner.clone(), json!({"_id": first.page}));
    let mut rooms = vec![first];
    while rooms.len() < count {
        rooms.push(Room::on(world, owner.clone(), &page).await);
    }
    rooms
}

async fn the_newest_activity_stands_first(world: World) {
    let rooms = rooms(&world, 3).await;
    let owner = &rooms[0].owner;
    let ids = |order: [usize; 3]| order.map(|index| rooms[index].group.clone());
    assert_eq!(groups(owner).await, ids([2, 1, 0]), "as they were opened, where nothing was said");
    rooms[0].say(owner, "零").await;
    assert_eq!(groups(owner).await, ids([0, 2, 1]));
    rooms[1].say(owner, "一").await;
    let last = rooms[0].say(owner, "又是零").await;
    assert_eq!(groups(owner).await, ids([0, 1, 2]));
    assert_eq!(rooms[0].conversation(owner).await["lastMessage"], last);
    // Only what is said is activity.
    rooms[2].act(owner, "update", &json!({"name": "新的名字"})).await.ok();
    assert_eq!(groups(owner).await, ids([0, 1, 2]));
}

async fn the_list_comes_in_pages(world: World) {
    let rooms = rooms(&world, 5).await;
    let owner = &rooms[0].owner;
    let whole = groups(owner).await;
    assert_eq!(whole.len(), 5);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = owner.client.get(&format!("/h5/conversation?limit=2{after}")).await.ok().data();
        seen.extend(rows(&page["conversations"]).iter().map(|it| text(&it["group"]["_id"])));
        if page["after"].is_null() {
            break;
        }
        after = format!("&after={}", text(&page["after"]));
    }
    assert_eq!(seen, whole);
    for (query, named) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("after=x", "after"),
        ("after=1.x", "after"),
        ("after=", "after"),
    ] {
        let answer = owner.client.get(&format!("/h5/conversation?{query}")).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains(&format!("字段 {named} ")), "{answer:?}");
    }
}

async fn a_group_without_messages_is_listed_too(world: World) {
    let room = Room::new(&world).await;
    let conversation = room.conversation(&room.owner).await;
    assert_eq!(conversation["lastMessage"], Value::Null);
    let numbers = ["headSeq", "readSeq", "unread"].map(|name| conversation[name].as_i64());
    assert_eq!(numbers, [Some(0); 3]);
    assert_eq!(conversation["role"], 2);
}

async fn nobody_sees_conversations_of_others(world: World) {
    let room = Room::new(&world).await;
    let (member, guest) = (room.member(&world).await, room.guest(&world).await);
    room.say(&room.owner, "你好").await;
    assert_eq!(groups(&member).await, std::slice::from_ref(&room.group));
    assert_eq!(groups(&guest).await, Vec::<String>::new());
    assert_eq!(words(&room.conversation(&member).await["lastMessage"]), "你好");
    room.act(&room.owner, "remove", &json!({"user": member.id})).await.ok();
    assert_eq!(groups(&member).await, Vec::<String>::new());
}
