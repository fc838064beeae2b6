//! Unread messages and read cursors.

use serde_json::{Value, json};

use super::room::{Room, assert_refused};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, User, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        what_others_say_is_unread_until_it_is_read,
        a_cursor_never_goes_back_nor_beyond_the_head,
        a_recalled_message_stays_counted,
        what_is_no_message_is_not_unread,
        reading_is_for_members,
    ]
}

/// Says that everything up to `seq` is read, and answers what is unread then.
async fn read(room: &Room, user: &User, seq: i64) -> Value {
    user.client.post("/h5/message/read", &json!({"group": room.group, "seq": seq})).await.ok().data()
}

async fn what_others_say_is_unread_until_it_is_read(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    for number in 0..5 {
        room.say(&room.owner, &format!("{number}")).await;
    }
    room.say(&member, "我也说一句").await;
    // The join stands at 1, the owner's messages at 2 to 6, the member's at 7.
    let conversation = room.conversation(&member).await;
    assert_eq!((&conversation["unread"], &conversation["headSeq"]), (&json!(5), &json!(7)));
    assert_eq!(room.conversation(&room.owner).await["unread"], 1, "sending reads nothing of others'");
    assert_eq!(read(&room, &member, 4).await, json!({"readSeq": 4, "unread": 2}));
    assert_eq!(room.conversation(&member).await["readSeq"], 4);
    assert_eq!(read(&room, &member, 7).await, json!({"readSeq": 7, "unread": 0}));
    room.say(&room.owner, "还有").await;
    assert_eq!(room.conversation(&member).await["unread"], 1);
}

async fn a_cursor_never_goes_back_nor_beyond_the_head(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    for _ in 0..3 {
        room.say(&room.owner, "话").await;
    }
    assert_eq!(read(&room, &member, 1_000_000).await, json!({"readSeq": 4, "unread": 0}));
    for back in [0, 1, 3] {
        assert_eq!(read(&room, &member, back).await, json!({"readSeq": 4, "unread": 0}));
    }
    room.say(&room.owner, "新的").await;
    assert_eq!(room.conversation(&member).await["unread"], 1, "what came later was not read in advance");
    for wrong in [json!(-1), json!("1"), json!(1.5), Value::Null] {
        let answer = member.client.post("/h5/message/read", &json!({"group": room.group, "seq": wrong})).await;
        assert_refused(&answer, 400, "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains("seq"), "{answer:?}");
    }
}

async fn a_recalled_message_stays_counted(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    room.say(&room.owner, "一").await;
    let said = room.say(&room.owner, "二").await;
    room.owner.client.post("/h5/message/recall", &json!({"message": said["_id"]})).await.ok();
    assert_eq!(room.conversation(&member).await["unread"], 2);
    assert_eq!(read(&room, &member, 2).await, json!({"readSeq": 2, "unread": 1}));
}

async fn what_is_no_message_is_not_unread(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    room.member(&world).await;
    room.act(&room.owner, "update", &json!({"name": "新的名字"})).await.ok();
    let conversation = room.conversation(&member).await;
    assert_eq!((&conversation["unread"], &conversation["headSeq"]), (&json!(0), &json!(3)));
}

async fn reading_is_for_members(world: World) {
    let room = Room::new(&world).await;
    let guest = room.guest(&world).await;
    let answer = guest.client.post("/h5/message/read", &json!({"group": room.group, "seq": 1})).await;
    assert_refused(&answer, 403, "NOT_GROUP_MEMBER");
    let answer = guest.client.post("/h5/message/read", &json!({"group": NOBODY, "seq": 1})).await;
    assert_refused(&answer, 404, "GROUP_NOT_FOUND");
}
