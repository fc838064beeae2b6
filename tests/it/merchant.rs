//! Merchant pages, who joins them, and the codes that open them.

use std::time::Duration;

use chatroom_tests::{Client, Part, Shape, client::Answer, records};
use chrono::{SecondsFormat, TimeDelta};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, World, now, page_request, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        joined_pages_are_listed_oldest_first_once_each,
        the_list_is_read_in_parts,
        the_activation_code_is_shown_to_the_creator_only,
        joining_again_answers_the_same_record,
        a_page_takes_documented_values_only,
        an_icon_may_be_an_upload,
        where_activation_is_open_any_code_will_do,
        only_administrators_issue_codes,
        codes_are_asked_for_in_bounds,
    ];
    let own = scenarios![Own: an_issued_code_opens_one_page, an_expired_code_opens_nothing, codes_are_stored_hashed_until_used];
    [shared, own].concat()
}

async fn joined_pages_are_listed_oldest_first_once_each(world: World) {
    let (owner, user) = (world.user().await, world.user().await);
    let mut pages = Vec::new();
    for _ in 0..4 {
        pages.push(world.page(&owner).await["_id"].take());
    }
    // Not in the order of their making.
    let joined = [2, 0, 3, 1].map(|index| pages[index].clone());
    for page in joined.iter().chain(&joined) {
        user.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    }
    let rows = user.client.get("/h5/merchant").await.ok().data();
    let listed = rows.as_array().expect("rows").iter().map(|row| row["merchant"]["_id"].clone()).collect::<Vec<_>>();
    assert_eq!(listed, joined);
    let own = owner.client.get("/h5/merchant").await.ok().data();
    assert_eq!(own.as_array().map(Vec::len), Some(4), "the creator has joined their own pages");
}

async fn the_list_is_read_in_parts(world: World) {
    let user = world.user().await;
    for _ in 0..5 {
        world.page(&user).await;
    }
    let whole = user.client.get("/h5/merchant").await.ok().data();
    let whole = whole.as_array().expect("rows");
    let mut parts = Vec::<Value>::new();
    loop {
        let after = parts.last().map(|row| format!("&after={}", row["_id"].as_str().unwrap_or_default()));
        let path = format!("/h5/merchant?limit=2{}", after.unwrap_or_default());
        let part = user.client.get(&path).await.ok().data();
        let part = part.as_array().expect("rows");
        assert!(part.len() <= 2);
        if part.is_empty() {
            break;
        }
        parts.extend(part.iter().cloned());
    }
    assert_eq!(&parts, whole);
    for wrong in
        ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=", "limit=1&limit=2", "after=x", "after=1%00", "after="]
    {
        let answer = user.client.get(&format!("/h5/merchant?{wrong}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}: {answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
    }
    user.client.get("/h5/merchant?limit=200&unknown=1").await.ok();
}

async fn the_activation_code_is_shown_to_the_creator_only(world: World) {
    let (owner, customer, member) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await;
    for user in [&customer, &member] {
        user.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    }
    for (user, code) in [(&owner, "asdasad"), (&customer, ""), (&member, "")] {
        let rows = user.client.get("/h5/merchant").await.ok().data();
        assert_eq!(rows[0]["merchant"]["activationCode"], code);
    }
}

async fn joining_again_answers_the_same_record(world: World) {
    let (owner, user) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let join = || async { user.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok() };
    assert_eq!(join().await.text, join().await.text);
}

async fn a_page_takes_documented_values_only(world: World) {
    let user = world.user().await;
    let with = |field: &str, value: String| {
        let mut body = page_request(&user.id);
        body[field] = json!(value);
        let client = user.client.clone();
        async move { client.post("/h5/merchant/createMerchant", &body).await }
    };
    for (field, good) in [
        ("name", "页".repeat(64)),
        ("activationCode", "码".repeat(64)),
        ("icon", "http://127.0.0.1:9000/a.png".to_owned()),
        ("icon", format!("https://a.example/{}", "a".repeat(2_048 - 18))),
    ] {
        let page = with(field, good.clone()).await.ok().data();
        assert_eq!(page[0][field], good);
    }
    assert_eq!(with("name", "  padded ".to_owned()).await.ok().data()[0]["name"], "padded");
    for (field, wrong) in [
        ("name", String::new()),
        ("name", "  ".to_owned()),
        ("name", "页".repeat(65)),
        ("activationCode", String::new()),
        ("activationCode", "码".repeat(65)),
        ("icon", String::new()),
        ("icon", format!("https://a.example/{}", "a".repeat(2_048))),
        ("icon", "javascript:alert(1)".to_owned()),
        ("icon", "data:image/png;base64,AAAA".to_owned()),
        ("icon", "ftp://a.example/a.png".to_owned()),
        ("icon", "//a.example/a.png".to_owned()),
        ("icon", "/upload/../etc/passwd".to_owned()),
        ("icon", "https://".to_owned()),
    ] {
        let answer = with(field, wrong.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field} {wrong}: {answer:?}");
        assert!(answer.json()["msg"].to_string().contains(field), "{answer:?}");
    }
}

async fn an_icon_may_be_an_upload(world: World) {
    let user = world.user().await;
    let path = user.client.upload("icon.png", picture(100)).await.ok().data();
    let mut body = page_request(&user.id);
    body["icon"] = path.clone();
    let page = user.client.post("/h5/merchant/createMerchant", &body).await.ok().data();
    assert_eq!(page[0]["icon"], path);
}

async fn where_activation_is_open_any_code_will_do(world: World) {
    let user = world.user().await;
    let (one, another) = (world.page(&user).await, world.page(&user).await);
    assert_eq!(one["activationCode"], another["activationCode"]);
    assert_ne!(one["_id"], another["_id"]);
}

async fn only_administrators_issue_codes(world: World) {
    let user = world.user().await;
    let answer = user.client.post("/h5/merchant/activationCode", &json!({"count": 1})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
    assert_eq!(answer.reason(), "ADMIN_ONLY");
}

async fn codes_are_asked_for_in_bounds(world: World) {
    let administrator = world.administrator().await;
    let ask = |body: Value| {
        let client = administrator.client.clone();
        async move { client.post("/h5/merchant/activationCode", &body).await }
    };
    let many = ask(json!({"count": 1_000})).await.ok().data();
    let mut codes = many.as_array().expect("codes").iter().map(ToString::to_string).collect::<Vec<_>>();
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 1_000, "no code is issued twice");
    for wrong in [
        json!({}),
        json!({"count": 0}),
        json!({"count": 1_001}),
        json!({"count": -1}),
        json!({"count": 1.5}),
        json!({"count": "1"}),
        json!({"count": 4_294_967_297_u64}),
        json!({"count": 1, "expiresAt": "2001-01-01T00:00:00.000Z"}),
        json!({"count": 1, "expiresAt": "soon"}),
        json!({"count": 1, "expiresAt": 4_070_908_800_u64}),
    ] {
        let answer = ask(wrong.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}: {answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
    }
}

/// Opens a page with an activation code.
pub(crate) async fn open_page(client: &Client, customer: &str, code: &Value) -> Answer {
    let body = json!({"activationCode": code, "name": "小蓝的商页", "icon": ICON, "customer": customer});
    client.post("/h5/merchant/createMerchant", &body).await
}

async fn an_issued_code_opens_one_page(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_ACTIVATION", "issued")).await;
    let (administrator, user) = (world.administrator().await, world.user().await);
    let codes = administrator.client.post("/h5/merchant/activationCode", &json!({"count": 2})).await.ok().data();
    let invented = open_page(&user.client, &user.id, &json!("asdasad")).await;
    assert_eq!((invented.status, &*invented.reason()), (StatusCode::FORBIDDEN, "ACTIVATION_CODE_INVALID"));
    let page = open_page(&user.client, &user.id, &codes[0]).await.ok().data();
    assert_eq!(page[0]["activationCode"], codes[0]);
    for client in [&user.client, &administrator.client] {
        let again = open_page(client, &user.id, &codes[0]).await;
        assert_eq!((again.status, &*again.reason()), (StatusCode::CONFLICT, "ACTIVATION_CODE_USED"));
    }
    // A refused page does not use up its code.
    let refused = open_page(&user.client, crate::world::NOBODY, &codes[1]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "{refused:?}");
    open_page(&user.client, &user.id, &codes[1]).await.ok();
    let rows = user.client.get("/h5/merchant").await.ok().data();
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
}

async fn an_expired_code_opens_nothing(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_ACTIVATION", "issued")).await;
    let (administrator, user) = (world.administrator().await, world.user().await);
    let end = now() + TimeDelta::seconds(4);
    let body = json!({"count": 100, "expiresAt": end.to_rfc3339_opts(SecondsFormat::Millis, true)});
    let codes = administrator.client.post("/h5/merchant/activationCode", &body).await.ok().data();
    open_page(&user.client, &user.id, &codes[0]).await.ok();
    let mut pause = tokio::time::interval(Duration::from_millis(100));
    for code in codes.as_array().expect("codes are an array").iter().skip(1) {
        pause.tick().await;
        let before = now();
        let answer = open_page(&user.client, &user.id, code).await;
        if answer.status == StatusCode::OK {
            assert!(before < end, "a code opened a page after its end");
            continue;
        }
        assert_eq!((answer.status, &*answer.reason()), (StatusCode::FORBIDDEN, "ACTIVATION_CODE_INVALID"));
        assert!(now() >= end, "a code was refused before its end");
        return;
    }
    panic!("no code was ever refused");
}

async fn codes_are_stored_hashed_until_used(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_ACTIVATION", "issued")).await;
    let (administrator, user) = (world.administrator().await, world.user().await);
    let codes = administrator.client.post("/h5/merchant/activationCode", &json!({"count": 2})).await.ok().data();
    let code = |index: usize| codes[index].as_str().expect("a code is text");
    assert!(!records::contain(&world.cluster, Part::Merchant, code(0)).await, "a code lies open");
    open_page(&user.client, &user.id, &codes[0]).await.ok();
    // Its page shows it to the creator from now on, which shows that it would have been found.
    assert!(records::contain(&world.cluster, Part::Merchant, code(0)).await);
    assert!(!records::contain(&world.cluster, Part::Merchant, code(1)).await, "a code lies open");
}
