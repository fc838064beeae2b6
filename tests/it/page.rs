//! Merchant pages that live: what their creators change, who leaves, and what a closed page means.

use chatroom_tests::client::Answer;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, User, World, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_creator_changes_what_is_shown,
        another_customer_service_has_to_agree,
        who_leaves_is_no_member_and_may_join_again,
        members_are_listed_in_parts_for_the_creator,
        a_page_is_handed_on_to_a_member,
        a_closed_page_takes_nothing_new,
    ]
}

async fn post(user: &User, path: &str, page: &Value, more: Value) -> Answer {
    let mut body = more;
    body["merchant"] = page["_id"].clone();
    user.client.post(path, &body).await
}

/// The page as it stands in the user's list; null where they have not joined it.
async fn listed(user: &User, page: &Value) -> Value {
    let rows = user.client.get("/h5/merchant").await.ok().data();
    let mut pages = rows.as_array().expect("rows").iter().map(|row| row["merchant"].clone());
    pages.find(|listed| listed["_id"] == page["_id"]).unwrap_or_default()
}

fn assert_refused(answer: &Answer, status: StatusCode, reason: &str) {
    assert_eq!((answer.status, &*answer.reason()), (status, reason), "{answer:?}");
}

async fn a_creator_changes_what_is_shown(world: World) {
    let (owner, member) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    post(&member, "/h5/merchant", &page, json!({})).await.ok();
    let icon = owner.client.upload("a.png", picture(100)).await.ok().data();
    let update = json!({"name": " 小红的商页 ", "icon": icon, "user": member.id, "activationCode": "x"});
    let changed = post(&owner, "/h5/merchant/update", &page, update).await.ok().data();
    assert_eq!((&changed["name"], &changed["icon"], &changed["__v"]), (&json!("小红的商页"), &icon, &json!(1)));
    assert_eq!((&changed["user"], &changed["activationCode"]), (&page["user"], &page["activationCode"]));
    let again = post(&owner, "/h5/merchant/update", &page, json!({"name": "小红的商页"})).await.ok().data();
    assert_eq!(again, changed, "what is so already stays as it is");
    let seen = listed(&member, &page).await;
    assert_eq!((&seen["name"], &seen["activationCode"]), (&json!("小红的商页"), &json!("")));
    for wrong in [json!({"name": ""}), json!({"icon": "javascript:alert(1)"}), json!({"customer": "me"})] {
        let refused = post(&owner, "/h5/merchant/update", &page, wrong).await;
        assert_refused(&refused, StatusCode::BAD_REQUEST, "INVALID_ARGUMENT");
    }
    let refused = post(&owner, "/h5/merchant/update", &page, json!({"customer": NOBODY})).await;
    assert_refused(&refused, StatusCode::NOT_FOUND, "CUSTOMER_NOT_FOUND");
}

async fn another_customer_service_has_to_agree(world: World) {
    let [owner, customer, member] = [world.user().await, world.user().await, world.user().await];
    let page = world.page(&owner).await;
    post(&member, "/h5/merchant", &page, json!({})).await.ok();
    let changed = post(&owner, "/h5/merchant/update", &page, json!({"customer": customer.id})).await.ok().data();
    assert_eq!(changed["customer"], json!(customer.id));
    let contact = async || post(&member, "/h5/merchant/contact", &page, json!({})).await;
    assert_refused(&contact().await, StatusCode::CONFLICT, "CUSTOMER_NOT_SERVING");
    post(&customer, "/h5/merchant/serve", &page, json!({"accept": true})).await.ok();
    contact().await.ok();
    // Who names themself agrees by doing so, and the former one serves no longer.
    post(&owner, "/h5/merchant/update", &page, json!({"customer": owner.id})).await.ok();
    let refused = post(&customer, "/h5/merchant/serve", &page, json!({"accept": true})).await;
    assert_refused(&refused, StatusCode::FORBIDDEN, "NOT_CUSTOMER");
    contact().await.ok();
}

async fn who_leaves_is_no_member_and_may_join_again(world: World) {
    let (owner, member) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let first = post(&member, "/h5/merchant", &page, json!({})).await.ok().data();
    for _ in 0..2 {
        assert_eq!(post(&member, "/h5/merchant/leave", &page, json!({})).await.ok().json()["data"], Value::Null);
        assert_eq!(listed(&member, &page).await, Value::Null);
    }
    let group = world.group(&owner, &page).await;
    let refused = member.client.post("/h5/group/join", &json!({"group": group["_id"]})).await;
    assert_refused(&refused, StatusCode::FORBIDDEN, "NOT_PAGE_MEMBER");
    let second = post(&member, "/h5/merchant", &page, json!({})).await.ok().data();
    assert_ne!(second[0]["_id"], first[0]["_id"], "it is another membership");
    let refused = post(&owner, "/h5/merchant/leave", &page, json!({})).await;
    assert_refused(&refused, StatusCode::CONFLICT, "CREATOR_CANNOT_LEAVE");
}

async fn members_are_listed_in_parts_for_the_creator(world: World) {
    let owner = world.user().await;
    let page = world.page(&owner).await;
    let mut joined = vec![owner.name.clone()];
    for _ in 0..4 {
        let member = world.user().await;
        post(&member, "/h5/merchant", &page, json!({})).await.ok();
        joined.push(member.name);
    }
    let path = format!("/h5/merchant/members?merchant={}&limit=2", page["_id"].as_str().unwrap());
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let from = after.map(|after: String| format!("&after={after}")).unwrap_or_default();
        let part = owner.client.get(&format!("{path}{from}")).await.ok().data();
        let members = part["members"].as_array().unwrap();
        assert!((1..=2).contains(&members.len()), "{part}");
        names.extend(members.iter().map(|member| member["user"]["username"].as_str().unwrap().to_owned()));
        match part["after"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(names, joined);
    let refused = owner.client.get(&format!("{path}&after=1.x")).await;
    assert_refused(&refused, StatusCode::BAD_REQUEST, "INVALID_ARGUMENT");
}

async fn a_page_is_handed_on_to_a_member(world: World) {
    let [owner, member, stranger] = [world.user().await, world.user().await, world.user().await];
    let page = world.page(&owner).await;
    post(&member, "/h5/merchant", &page, json!({})).await.ok();
    let refused = post(&owner, "/h5/merchant/transfer", &page, json!({"user": stranger.id})).await;
    assert_refused(&refused, StatusCode::NOT_FOUND, "PAGE_MEMBER_NOT_FOUND");
    let handed_on = post(&owner, "/h5/merchant/transfer", &page, json!({"user": member.id})).await.ok().data();
    assert_eq!((&handed_on["user"], &handed_on["activationCode"]), (&json!(member.id), &json!("")));
    assert_eq!(listed(&member, &page).await["activationCode"], page["activationCode"]);
    let group = json!({"merchant": page["_id"], "name": "群", "icon": ICON});
    assert_refused(&owner.client.post("/h5/group", &group).await, StatusCode::FORBIDDEN, "NOT_MERCHANT_OWNER");
    member.client.post("/h5/group", &group).await.ok();
    let refused = post(&owner, "/h5/merchant/transfer", &page, json!({"user": owner.id})).await;
    assert_refused(&refused, StatusCode::FORBIDDEN, "NOT_MERCHANT_OWNER");
    // The former creator is a member like any other.
    post(&owner, "/h5/merchant/leave", &page, json!({})).await.ok();
}

async fn a_closed_page_takes_nothing_new(world: World) {
    let [owner, member, stranger] = [world.user().await, world.user().await, world.user().await];
    let page = world.page(&owner).await;
    post(&member, "/h5/merchant", &page, json!({})).await.ok();
    let group = world.group(&owner, &page).await;
    let closed = post(&owner, "/h5/merchant/close", &page, json!({})).await.ok().data();
    assert!(closed["closedAt"].is_string(), "{closed}");
    assert_eq!(post(&owner, "/h5/merchant/close", &page, json!({})).await.ok().data(), closed);
    assert_eq!(listed(&member, &page).await["closedAt"], closed["closedAt"], "lists say so");
    let opening = json!({"name": "群", "icon": ICON});
    let refusals = [
        post(&stranger, "/h5/merchant", &page, json!({})).await,
        post(&owner, "/h5/group", &page, opening).await,
        post(&member, "/h5/merchant/contact", &page, json!({})).await,
        post(&owner, "/h5/merchant/update", &page, json!({"name": "新名字"})).await,
        post(&owner, "/h5/merchant/transfer", &page, json!({"user": member.id})).await,
        post(&owner, "/h5/merchant/serve", &page, json!({"accept": false})).await,
    ];
    for refused in &refusals {
        assert_refused(refused, StatusCode::CONFLICT, "MERCHANT_CLOSED");
    }
    // Who has joined keeps what is there: the same record, and the groups.
    post(&member, "/h5/merchant", &page, json!({})).await.ok();
    member.client.post("/h5/group/join", &json!({"group": group["_id"]})).await.ok();
    post(&member, "/h5/merchant/leave", &page, json!({})).await.ok();
    assert_refused(&post(&member, "/h5/merchant", &page, json!({})).await, StatusCode::CONFLICT, "MERCHANT_CLOSED");
}
