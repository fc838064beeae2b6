//! Group chats: who opens them and who sees what.

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        groups_are_listed_oldest_first_to_anyone_signed_in,
        state_is_for_the_caller,
        a_page_without_groups_has_an_empty_list,
        only_the_creator_of_the_page_opens_groups,
        a_group_takes_documented_values_only,
    ]
}

async fn groups_are_listed_oldest_first_to_anyone_signed_in(world: World) {
    let (owner, stranger) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    let mut opened = Vec::new();
    for _ in 0..3 {
        opened.push(world.group(&owner, &page).await["_id"].take());
    }
    let groups = stranger.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().data();
    let listed = groups.as_array().expect("groups").iter().map(|group| group["_id"].clone()).collect::<Vec<_>>();
    assert_eq!(listed, opened);
}

async fn state_is_for_the_caller(world: World) {
    let (owner, member) = (world.user().await, world.user().await);
    let page = world.page(&owner).await;
    world.group(&owner, &page).await;
    member.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    for (user, state) in [(&owner, 1), (&member, 0)] {
        let groups = user.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().data();
        assert_eq!(groups[0]["state"], state, "{groups}");
    }
}

async fn a_page_without_groups_has_an_empty_list(world: World) {
    let owner = world.user().await;
    let page = world.page(&owner).await;
    let answer = owner.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok();
    assert_eq!(answer.json(), json!({"data": [], "msg": "success", "code": 200}));
}

async fn only_the_creator_of_the_page_opens_groups(world: World) {
    let (owner, customer, member) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await;
    member.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    for user in [&customer, &member, &world.user().await] {
        let body = json!({"merchant": page["_id"], "name": "群", "icon": ICON, "user": owner.id});
        let answer = user.client.post("/h5/group", &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{answer:?}");
        assert_eq!(answer.reason(), "NOT_MERCHANT_OWNER");
    }
    let groups = owner.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().data();
    assert_eq!(groups, json!([]));
}

async fn a_group_takes_documented_values_only(world: World) {
    let owner = world.user().await;
    let page = world.page(&owner).await;
    for (field, wrong) in [
        ("name", String::new()),
        ("name", "群".repeat(65)),
        ("name", "a\nb".to_owned()),
        ("icon", "javascript:alert(1)".to_owned()),
        ("icon", String::new()),
    ] {
        let mut body = json!({"merchant": page["_id"], "name": "群", "icon": ICON});
        body[field] = json!(wrong);
        let answer = owner.client.post("/h5/group", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field} {wrong}: {answer:?}");
        assert!(answer.json()["msg"].to_string().contains(field), "{answer:?}");
    }
}
