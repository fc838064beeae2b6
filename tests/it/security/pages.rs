//! Threats to pages and groups, beside those of the permission matrix.

use chatroom_tests::Shape;
use futures::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    merchant::open_page,
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, World, page_request, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        owner_role_and_id_fields_in_a_body_are_never_applied,
        two_concurrent_joins_give_one_row,
    ];
    let own = scenarios![Own: two_uses_of_one_activation_code_give_one_page];
    [shared, own].concat()
}

async fn owner_role_and_id_fields_in_a_body_are_never_applied(world: World) {
    let (one, another) = (world.user().await, world.user().await);
    let mut body = page_request(&one.id);
    for field in ["user", "_id", "id", "owner", "creator", "role", "__v", "state"] {
        body[field] = json!(another.id);
    }
    let page = one.client.post("/h5/merchant/createMerchant", &body).await.ok().data()[0].take();
    assert_eq!(page["user"], one.id);
    assert_ne!(page["_id"], another.id);
    let join = json!({"merchant": page["_id"], "user": one.id, "_id": NOBODY, "role": 1});
    let membership = another.client.post("/h5/merchant", &join).await.ok().data()[0].take();
    assert_eq!(membership["user"], another.id);
    assert_ne!(membership["_id"], NOBODY);
    let group =
        json!({"merchant": page["_id"], "name": "群", "icon": ICON, "user": another.id, "_id": NOBODY, "state": 0});
    let group = one.client.post("/h5/group", &group).await.ok().data();
    assert_eq!(group["user"], one.id);
    assert_ne!(group["_id"], NOBODY);
    // Nor does naming the owner help.
    let theft = json!({"merchant": page["_id"], "name": "群", "icon": ICON, "user": one.id, "role": 1});
    assert_eq!(another.client.post("/h5/group", &theft).await.status, StatusCode::FORBIDDEN);
    let list = json!({"merchant": page["_id"], "user": one.id, "state": 1});
    let groups = another.client.post("/h5/group/getGroup", &list).await.ok().data();
    assert_eq!(groups[0]["state"], 0, "the state is the caller's, whoever the body names");
}

async fn two_concurrent_joins_give_one_row(world: World) {
    let (owner, user) = (world.user().await, world.user().await);
    for _ in 0..5 {
        let page = world.page(&owner).await;
        let body = json!({"merchant": page["_id"]});
        let joins = join_all((0..8).map(|_| user.client.post("/h5/merchant", &body))).await;
        for join in &joins {
            assert_eq!(join.status, StatusCode::OK, "{join:?}");
            assert_eq!(join.text, joins[0].text);
        }
    }
    let rows = user.client.get("/h5/merchant").await.ok().data();
    assert_eq!(rows.as_array().map(Vec::len), Some(5), "{rows}");
}

async fn two_uses_of_one_activation_code_give_one_page(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_ACTIVATION", "issued")).await;
    let administrator = world.administrator().await;
    let users = [world.user().await, world.user().await];
    let codes = administrator.client.post("/h5/merchant/activationCode", &json!({"count": 20})).await.ok().data();
    for code in codes.as_array().expect("codes are an array") {
        let answers = join_all(users.iter().map(|user| open_page(&user.client, &user.id, code))).await;
        let mut statuses = answers.iter().map(|answer| answer.status.as_u16()).collect::<Vec<_>>();
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{answers:?}");
    }
    let mut pages = 0;
    for user in &users {
        pages += user.client.get("/h5/merchant").await.ok().data().as_array().map_or(0, Vec::len);
    }
    assert_eq!(pages, 20);
}
