//! One user on several devices: each hears everything, and one's reading is the others' news.

use serde_json::{Value, json};

use super::connect;
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared: every_device_hears_everything, what_one_device_reads_the_others_are_told]
}

async fn every_device_hears_everything(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut devices = [connect(&world, &member).await, connect(&world, &member).await, connect(&world, &member).await];
    let said = room.say(&room.owner, "都能听到").await;
    for device in &mut devices {
        assert_eq!(device.event().await["message"], said);
    }
    // Those that stay hear on when one goes.
    let [first, mut second, mut third] = devices;
    first.leave().await;
    let said = second.say(&room.group, "a", "少了一个").await;
    assert_eq!(third.event().await["seq"], said["seq"]);
}

async fn what_one_device_reads_the_others_are_told(world: World) {
    let room = Room::new(&world).await;
    let (member, other) = (room.member(&world).await, room.member(&world).await);
    for words in ["一", "二", "三"] {
        room.say(&room.owner, words).await;
    }
    let (mut phone, mut tablet) = (connect(&world, &member).await, connect(&world, &member).await);
    let mut others = connect(&world, &other).await;
    let read = phone.request(json!({"type": "read", "group": room.group, "seq": 4})).await;
    assert_eq!((&read["type"], &read["readSeq"], &read["unread"]), (&json!("ack"), &json!(4), &json!(1)), "{read}");
    let told = tablet.wait_for(|frame| frame["type"] == "read").await;
    assert_eq!(told, json!({"type": "read", "group": room.group, "readSeq": 4, "unread": 1}));
    // Over HTTP it is the same, and then both are told.
    member.client.post("/h5/message/read", &json!({"group": room.group, "seq": 5})).await.ok();
    for device in [&mut phone, &mut tablet] {
        let told = device.wait_for(|frame| frame["type"] == "read").await;
        assert_eq!((&told["readSeq"], &told["unread"]), (&json!(5), &json!(0)));
    }
    let theirs = others.settled(&room.group).await;
    assert_eq!(theirs, Vec::<Value>::new(), "what somebody has read is nobody else's to know");
}
