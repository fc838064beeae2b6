//! What administrators do to accounts.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    account::session::signed_out,
    suite::{Scenario, scenarios},
    world::{World, sign_in},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_disabled_account_is_stopped_until_it_is_enabled,
        an_administrator_ends_all_sessions_of_somebody,
        accounts_are_found_by_their_name,
        what_was_done_is_remembered,
        what_was_done_to_pages_and_messages_is_remembered,
    ]
}

async fn a_disabled_account_is_stopped_until_it_is_enabled(world: World) {
    let (administrator, user) = (world.administrator().await.client, world.user().await);
    let body = json!({"user": user.id});
    let disabled = administrator.post("/h5/admin/user/disable", &body).await.ok().data();
    assert_eq!((&disabled["_id"], &disabled["__v"]), (&json!(user.id), &json!(1)));
    assert!(disabled["disabledAt"].is_string(), "{disabled}");
    signed_out(&user.client).await;
    let login = world.client().login(&user.name, &user.password).await;
    assert_eq!((login.status, &*login.reason()), (StatusCode::FORBIDDEN, "ACCOUNT_DISABLED"));
    let guess = world.client().login(&user.name, "not the password").await;
    assert_eq!((guess.status, &*guess.reason()), (StatusCode::UNAUTHORIZED, "INVALID_CREDENTIALS"));

    let enabled = administrator.post("/h5/admin/user/enable", &body).await.ok().data();
    assert_eq!(enabled["disabledAt"], Value::Null);
    let again = sign_in(&world.client(), &user.name, &user.password).await;
    again.client.get("/h5/merchant").await.ok();
    assert_eq!(user.client.get("/h5/merchant").await.status, StatusCode::UNAUTHORIZED, "what was ended stays so");
}

async fn an_administrator_ends_all_sessions_of_somebody(world: World) {
    let (administrator, user) = (world.administrator().await, world.user().await);
    administrator.client.post("/h5/admin/user/logout", &json!({"user": user.id})).await.ok();
    signed_out(&user.client).await;
    sign_in(&world.client(), &user.name, &user.password).await;
    let own = administrator.client.post("/h5/admin/user/disable", &json!({"user": administrator.id})).await;
    assert_eq!((own.status, &*own.reason()), (StatusCode::CONFLICT, "OWN_ACCOUNT"));
}

async fn accounts_are_found_by_their_name(world: World) {
    let (administrator, user) = (world.administrator().await.client, world.user().await);
    let path = format!("/h5/admin/user?name={}", user.name.to_uppercase());
    let found = administrator.get(&path).await.ok().data();
    assert!(found["users"].as_array().unwrap().iter().any(|found| found["_id"] == json!(user.id)), "{found}");
    let (mut after, mut names) = (Value::Null, Vec::new());
    while names.len() < 5 {
        let from = after.as_str().map(|after| format!("&after={after}")).unwrap_or_default();
        let page = administrator.get(&format!("/h5/admin/user?name=user&limit=1{from}")).await.ok().data();
        names.push(page["users"][0]["username"].as_str().unwrap().to_owned());
        after = page["after"].clone();
        if after.is_null() {
            break;
        }
    }
    let mut sorted = names.clone();
    sorted.dedup();
    assert_eq!(sorted, names, "nobody comes twice");
}

async fn what_was_done_is_remembered(world: World) {
    let (administrator, user) = (world.administrator().await, world.user().await);
    let body = json!({"user": user.id});
    for what in ["disable", "disable", "enable", "logout"] {
        administrator.client.post(&format!("/h5/admin/user/{what}"), &body).await.ok();
    }
    world.cluster.grant_administrator(&user.name);
    let (mut after, mut deeds) = (Value::Null, Vec::new());
    loop {
        let from = after.as_str().map(|after| format!("&after={after}")).unwrap_or_default();
        let path = format!("/h5/admin/audit?user={}&limit=2{from}", user.id);
        let part = administrator.client.get(&path).await.ok().data();
        deeds.extend(part["deeds"].as_array().unwrap().clone());
        after = part["after"].clone();
        if after.is_null() {
            break;
        }
    }
    let told: Vec<_> = deeds.iter().map(|deed| (deed["kind"].as_str().unwrap(), deed["by"]["_id"].as_str())).collect();
    let by = Some(administrator.id.as_str());
    // Latest first; what changed nothing is no deed, and the command line has no name.
    let expected = [("administratorMade", None), ("sessionsEnded", by), ("enabled", by), ("disabled", by)];
    assert_eq!(told, expected);
    assert!(deeds.iter().all(|deed| deed["user"]["username"] == json!(user.name)), "{deeds:?}");
}

async fn what_was_done_to_pages_and_messages_is_remembered(world: World) {
    let (administrator, owner, other) = (world.administrator().await, world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let merchant = page["_id"].as_str().expect("an id is text");
    other.client.post("/h5/merchant", &json!({"merchant": merchant})).await.ok();
    let update = json!({"merchant": merchant, "name": "新名字", "customer": other.id});
    owner.client.post("/h5/merchant/update", &update).await.ok();
    // The same again changes nothing, and is no deed.
    owner.client.post("/h5/merchant/update", &update).await.ok();
    other.client.post("/h5/merchant/serve", &json!({"merchant": merchant, "accept": true})).await.ok();
    owner
        .client
        .post("/h5/merchant/words", &json!({"merchant": merchant, "mode": "mask", "words": ["坏话"]}))
        .await
        .ok();
    owner.client.post("/h5/merchant/transfer", &json!({"merchant": merchant, "user": other.id})).await.ok();
    other.client.post("/h5/merchant/close", &json!({"merchant": merchant})).await.ok();

    let audit = |kind: &str| format!("/h5/admin/audit/{kind}?merchant={merchant}&limit=200");
    let deeds = administrator.client.get(&audit("page")).await.ok().data()["deeds"].take();
    let told: Vec<_> = deeds
        .as_array()
        .unwrap()
        .iter()
        .map(|deed| [&deed["kind"], &deed["by"]["_id"], &deed["user"]["_id"], &deed["detail"]].map(|it| it.as_str()))
        .collect();
    let (first, second) = (Some(owner.id.as_str()), Some(other.id.as_str()));
    let expected = [
        [Some("closed"), second, None, Some("")],
        [Some("transferred"), first, second, Some("")],
        [Some("servingSet"), second, None, Some("accepted")],
        [Some("updated"), first, second, Some("name customer")],
        [Some("opened"), first, first, Some("")],
    ];
    assert_eq!(told, expected);

    let actions = administrator.client.get(&audit("moderation")).await.ok().data()["deeds"].take();
    assert_eq!(actions.as_array().map(Vec::len), Some(1), "{actions}");
    assert_eq!((&actions[0]["kind"], &actions[0]["user"]["username"]), (&json!("wordsSet"), &json!(owner.name)));

    let body = json!({"count": 2});
    administrator.client.post("/h5/merchant/activationCode", &body).await.ok();
    let latest = administrator.client.get("/h5/admin/audit/page?limit=200").await.ok().data()["deeds"].take();
    let by_us = |deed: &&Value| deed["kind"] == "codesIssued" && deed["by"]["_id"] == json!(administrator.id);
    let issued = latest.as_array().unwrap().iter().find(by_us).expect("it is remembered");
    assert_eq!((&issued["detail"], &issued["merchant"]), (&json!("2"), &Value::Null));
}
