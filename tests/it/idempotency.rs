//! Repeated requests: the same key by the same caller answers the first result again.

use chatroom_tests::client::{Answer, Client, send};
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, World, fresh_name, fresh_password, page_request, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_repeated_creation_answers_the_first_result,
        a_repeated_registration_answers_the_account,
        a_repeated_upload_answers_the_first_path,
        two_at_once_create_one,
        a_key_is_the_callers_own,
        without_a_key_each_request_creates,
        a_key_has_at_most_64_visible_characters,
    ]
}

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    send(client.request(Method::POST, path).header("idempotency-key", key).json(body)).await
}

async fn a_repeated_creation_answers_the_first_result(world: World) {
    let administrator = world.administrator().await;
    let client = &administrator.client;
    let page = world.page(&administrator).await;
    for (path, body) in [
        ("/h5/merchant/createMerchant", page_request(&administrator.id)),
        ("/h5/group", json!({"merchant": page["_id"], "name": "群", "icon": ICON})),
        ("/h5/merchant/activationCode", json!({"count": 3})),
    ] {
        let key = fresh_name("key");
        let first = post(client, path, &key, &body).await.ok();
        let again = post(client, path, &key, &body).await.ok();
        assert_eq!(first.text, again.text, "{path}");
        let other = post(client, path, &fresh_name("key"), &body).await.ok();
        assert_ne!(first.text, other.text, "{path}");
    }
    let rows = client.get("/h5/merchant").await.ok().data();
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    let groups = client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().data();
    assert_eq!(groups.as_array().map(Vec::len), Some(2));
}

async fn a_repeated_registration_answers_the_account(world: World) {
    let client = world.client();
    let (key, name, password) = (fresh_name("key"), fresh_name("user"), fresh_password());
    let body = json!({"username": name, "password": password});
    let first = post(&client, "/h5/user/reg", &key, &body).await.ok();
    let again = post(&client, "/h5/user/reg", &key, &body).await.ok();
    assert_eq!(first.text, again.text);
    // It is no way to ask whether an account has a password.
    let wrong = json!({"username": name, "password": fresh_password()});
    for (key, body) in [(&key, &wrong), (&fresh_name("key"), &body)] {
        let answer = post(&client, "/h5/user/reg", key, body).await;
        assert_eq!((answer.status, &*answer.reason()), (StatusCode::CONFLICT, "USERNAME_TAKEN"));
    }
}

async fn a_repeated_upload_answers_the_first_path(world: World) {
    let user = world.user().await;
    let key = fresh_name("key");
    let upload = |key: String| {
        let part = reqwest::multipart::Part::bytes(picture(1_000)).file_name("a.png");
        let form = reqwest::multipart::Form::new().part("file", part);
        send(user.client.request(Method::POST, "/upload").header("idempotency-key", key).multipart(form))
    };
    let first = upload(key.clone()).await.ok().data();
    assert_eq!(upload(key).await.ok().data(), first);
    assert_ne!(upload(fresh_name("key")).await.ok().data(), first);
    let path = first.as_str().expect("a path is text");
    assert_eq!(world.client().request(Method::GET, path).send().await.unwrap().content_length(), Some(1_000));
}

async fn two_at_once_create_one(world: World) {
    let user = world.user().await;
    for round in 1..=5 {
        let key = fresh_name("key");
        let body = page_request(&user.id);
        let post = || post(&user.client, "/h5/merchant/createMerchant", &key, &body);
        let answers = join_all((0..8).map(|_| post())).await;
        for answer in &answers {
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            assert_eq!(answer.text, answers[0].text);
        }
        let rows = user.client.get("/h5/merchant").await.ok().data();
        assert_eq!(rows.as_array().map(Vec::len), Some(round));
    }
}

async fn a_key_is_the_callers_own(world: World) {
    let (one, another) = (world.user().await, world.user().await);
    let key = fresh_name("key");
    let pages = [
        post(&one.client, "/h5/merchant/createMerchant", &key, &page_request(&one.id)).await.ok().data(),
        post(&another.client, "/h5/merchant/createMerchant", &key, &page_request(&one.id)).await.ok().data(),
    ];
    assert_eq!((&pages[0][0]["user"], &pages[1][0]["user"]), (&json!(one.id), &json!(another.id)));
}

async fn without_a_key_each_request_creates(world: World) {
    let user = world.user().await;
    assert_ne!(world.page(&user).await["_id"], world.page(&user).await["_id"]);
    for _ in 0..2 {
        post(&user.client, "/h5/merchant/createMerchant", "", &page_request(&user.id)).await.ok();
    }
    let rows = user.client.get("/h5/merchant").await.ok().data();
    assert_eq!(rows.as_array().map(Vec::len), Some(4), "an empty key is none");
}

async fn a_key_has_at_most_64_visible_characters(world: World) {
    let user = world.user().await;
    let client = &user.client;
    post(client, "/h5/merchant/createMerchant", &"k".repeat(64), &page_request(&user.id)).await.ok();
    for key in ["k".repeat(65), "k".repeat(5_000), "ключ".to_owned()] {
        let answer = post(client, "/h5/merchant/createMerchant", &key, &page_request(&user.id)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{key}: {answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
    }
}
