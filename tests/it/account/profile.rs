//! How users are called and shown, and how soon others see it.

use std::time::{Duration, Instant};

use chatroom_tests::{Client, Part, Process};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    chat::room::Room,
    realtime::connect,
    suite::{Scenario, scenarios},
    world::{World, archive, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_user_is_shown_as_they_choose,
        a_picture_is_an_image_of_ones_own,
        a_group_shows_a_new_name,
    ];
    let services = scenarios![Services: another_gateway_shows_a_new_name_within_seconds];
    [shared, services].concat()
}

async fn a_user_is_shown_as_they_choose(world: World) {
    let user = world.user().await;
    let at_first = user.client.get("/h5/user/me").await.ok().data();
    assert_eq!(at_first["_id"], json!(user.id));
    assert_eq!(
        (&at_first["username"], &at_first["nickname"], &at_first["avatar"]),
        (&json!(user.name), &json!(""), &json!(""))
    );
    let path = user.client.upload("我.png", picture(100)).await.ok().data();
    let chosen = user.client.post("/h5/user/profile", &json!({"nickname": " 小蓝 ", "avatar": path})).await.ok().data();
    assert_eq!((&chosen["nickname"], &chosen["avatar"], &chosen["__v"]), (&json!("小蓝"), &path, &json!(1)));
    let renamed = user.client.post("/h5/user/profile", &json!({"nickname": "小红"})).await.ok().data();
    assert_eq!((&renamed["nickname"], &renamed["avatar"]), (&json!("小红"), &path), "what is left out stays");
    assert_eq!(user.client.get("/h5/user/me").await.ok().data(), renamed);
    let bare = user.client.post("/h5/user/profile", &json!({"nickname": "", "avatar": ""})).await.ok().data();
    assert_eq!((&bare["nickname"], &bare["avatar"]), (&json!(""), &json!("")));
}

async fn a_picture_is_an_image_of_ones_own(world: World) {
    let (user, other) = (world.user().await, world.user().await);
    let foreign = other.client.upload("a.png", picture(100)).await.ok().data();
    let missing = json!("/upload/20230821/0123456789012345678901234.png");
    for path in [foreign, missing] {
        let refused = user.client.post("/h5/user/profile", &json!({"avatar": path})).await;
        assert_eq!((refused.status, &*refused.reason()), (StatusCode::NOT_FOUND, "FILE_NOT_FOUND"), "{path}");
    }
    let no_image = user.client.upload("a.zip", archive()).await.ok().data();
    for path in [no_image, json!("https://img.example/59024.jpg"), json!("javascript:alert(1)")] {
        let refused = user.client.post("/h5/user/profile", &json!({"avatar": path})).await;
        assert_eq!((refused.status, &*refused.reason()), (StatusCode::BAD_REQUEST, "INVALID_ARGUMENT"), "{path}");
    }
    let own = user.client.get("/h5/user/me").await.ok().data();
    assert_eq!((&own["avatar"], &own["__v"]), (&json!(""), &json!(0)), "nothing has changed");
}

/// Waits until `name` is no longer empty, as it was, for the ten seconds that are promised.
async fn shows_the_new_name(name: impl AsyncFn() -> Value) {
    let begun = Instant::now();
    while name().await == "" {
        assert!(begun.elapsed() < Duration::from_secs(10), "a former name is still shown");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(name().await, json!("小蓝"));
}

async fn a_group_shows_a_new_name(world: World) {
    let room = Room::new(&world).await;
    let member = room.member(&world).await;
    let mut socket = connect(&world, &room.owner).await;
    room.say(&member, "一").await;
    assert_eq!(socket.event().await["message"]["user"]["nickname"], json!(""));
    member.client.post("/h5/user/profile", &json!({"nickname": "小蓝"})).await.ok();
    // What was said before bears the new name, too.
    shows_the_new_name(async || room.history(&room.owner, "").await["messages"][0]["user"]["nickname"].take()).await;
    room.say(&member, "二").await;
    assert_eq!(socket.event().await["message"]["user"]["nickname"], json!("小蓝"));
}

async fn another_gateway_shows_a_new_name_within_seconds(world: World) {
    let room = Room::new(&world).await;
    let mut environment = world.cluster.environment(Part::Gateway);
    environment.insert("CHATROOM_LISTEN", "127.0.0.1:0".to_owned());
    let other = Process::start(Part::Gateway.binary(), &environment);
    let other = Client::new(format!("http://{}", other.address())).with_token(room.owner.client.token().unwrap());
    let members = format!("/h5/group/members?group={}", room.group);
    let name = async || other.get(&members).await.ok().data()["members"][0]["user"]["nickname"].take();
    assert_eq!(name().await, json!(""));
    room.owner.client.post("/h5/user/profile", &json!({"nickname": "小蓝"})).await.ok();
    shows_the_new_name(name).await;
}
