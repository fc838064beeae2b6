//! How accounts are deleted by their owners: what ends at once, what others see, who has to do something before, and
//! what becomes of pages and groups.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    account::session::signed_out,
    chat::room::{Room, rows, words},
    realtime::connect,
    suite::{Scenario, scenarios},
    world::{User, World, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        a_deleted_account_is_gone_and_its_name_is_held,
        others_see_a_deleted_user,
        who_has_an_open_page_hands_it_on_or_closes_it_first,
        a_group_goes_on_under_who_comes_next,
        a_deleted_user_serves_no_page,
    ]
}

/// What everybody sees.
const DELETED_NAME: &str = "已注销用户";
/// Longer than any service takes to hear of it and act.
const PATIENCE: Duration = Duration::from_mins(1);

/// Deletes `user`'s account; `messages` is what becomes of what they have said.
pub(super) async fn delete(user: &User, messages: &str) {
    let body = json!({"password": user.password, "messages": messages});
    assert_eq!(user.client.post("/h5/user/delete", &body).await.ok().json()["data"], Value::Null);
}

/// Waits until `condition` holds.
pub(super) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.unwrap_or_else(|_| panic!("not reached: {what}"));
}

/// The members of a group as `user` sees them, by their ids, with their roles.
async fn members(room: &Room, user: &User) -> Vec<(String, i64)> {
    let listed = user.client.get(&format!("/h5/group/members?group={}", room.group)).await.ok().data();
    let member = |member: &Value| {
        (member["user"]["_id"].as_str().unwrap_or_default().to_owned(), member["role"].as_i64().unwrap_or_default())
    };
    rows(&listed["members"]).iter().map(member).collect()
}

async fn a_deleted_account_is_gone_and_its_name_is_held(world: World) {
    let (administrator, user) = (world.administrator().await.client, world.user().await);
    let mut socket = connect(&world, &user).await;
    let wrong = user.client.post("/h5/user/delete", &json!({"password": "not the password"})).await;
    assert_eq!((wrong.status, &*wrong.reason()), (StatusCode::FORBIDDEN, "PASSWORD_WRONG"));
    let unclear = json!({"password": user.password, "messages": "some"});
    let unclear = user.client.post("/h5/user/delete", &unclear).await;
    assert_eq!(unclear.status, StatusCode::BAD_REQUEST, "{unclear:?}");
    user.client.post("/h5/user/delete", &json!({"password": user.password})).await.ok();

    signed_out(&user.client).await;
    assert_eq!(socket.closed().await.0, Some(4001));
    assert_eq!(world.client().login(&user.name, &user.password).await.reason(), "INVALID_CREDENTIALS");
    for name in [user.name.to_uppercase(), DELETED_NAME.to_owned()] {
        let refused = world.client().register(&name, &user.password).await;
        assert_eq!((refused.status, &*refused.reason()), (StatusCode::CONFLICT, "USERNAME_TAKEN"));
    }
    let other = world.user().await;
    let refused = other.client.post("/h5/user/profile", &json!({"nickname": DELETED_NAME})).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{refused:?}");
    let found = administrator.get(&format!("/h5/admin/user?name={}&limit=200", user.name)).await.ok().data();
    assert!(rows(&found["users"]).iter().all(|found| found["_id"] != json!(user.id)), "{found}");
    let audit = administrator.get(&format!("/h5/admin/audit?user={}", user.id)).await.ok().data();
    let deleted =
        json!({"_id": user.id, "username": DELETED_NAME, "nickname": DELETED_NAME, "avatar": "", "deleted": true});
    assert_eq!(
        (&audit["deeds"][0]["kind"], &audit["deeds"][0]["by"], &audit["deeds"][0]["user"]),
        (&json!("deleted"), &deleted, &deleted)
    );
}

async fn others_see_a_deleted_user(world: World) {
    let room = Room::new(&world).await;
    let user = room.member(&world).await;
    let avatar = user.client.upload("我.png", picture(100)).await.ok().data();
    user.client.post("/h5/user/profile", &json!({"nickname": "小蓝", "avatar": avatar})).await.ok();
    let blocked = json!({"user": user.id, "blocked": true});
    room.owner.client.post("/h5/user/block", &blocked).await.ok();
    room.say(&user, "我还在").await;
    let before = room.history(&room.owner, "").await["messages"][0]["user"].take();
    assert_eq!((&before["nickname"], before.get("deleted")), (&json!("小蓝"), None));
    let mut socket = connect(&world, &room.owner).await;

    delete(&user, "keep").await;
    let deleted =
        json!({"_id": user.id, "username": DELETED_NAME, "nickname": DELETED_NAME, "avatar": "", "deleted": true});
    let last = async || room.history(&room.owner, "").await["messages"][0].take();
    until("a deleted user is shown", async || last().await["user"] == deleted).await;
    assert_eq!(words(&last().await), "我还在", "what they have said stays");
    let left = socket.event().await;
    assert_eq!((&left["kind"], &left["user"]), (&json!("left"), &deleted));
    assert_eq!(members(&room, &room.owner).await, [(room.owner.id.clone(), 2)]);
    until("nobody is blocked", async || {
        rows(&room.owner.client.get("/h5/user/blocks").await.ok().data()["blocks"]).is_empty()
    })
    .await;
    let page = format!("/h5/merchant/members?merchant={}", room.page.as_str().unwrap());
    until("the page has one member", async || {
        rows(&room.owner.client.get(&page).await.ok().data()["members"]).len() == 1
    })
    .await;
    let avatar = avatar.as_str().unwrap();
    until("the picture is gone", async || world.client().get(avatar).await.status == StatusCode::NOT_FOUND).await;
}

async fn who_has_an_open_page_hands_it_on_or_closes_it_first(world: World) {
    let room = Room::new(&world).await;
    let heir = room.guest(&world).await;
    let second = world.page(&room.owner).await;
    let owns_pages = async || {
        let refused = room.owner.client.post("/h5/user/delete", &json!({"password": room.owner.password})).await;
        assert_eq!((refused.status, &*refused.reason()), (StatusCode::CONFLICT, "OWNS_PAGES"));
    };
    owns_pages().await;
    let to = json!({"merchant": room.page, "user": heir.id});
    room.owner.client.post("/h5/merchant/transfer", &to).await.ok();
    owns_pages().await;
    room.owner.client.post("/h5/merchant/close", &json!({"merchant": second["_id"]})).await.ok();
    delete(&room.owner, "keep").await;
    // The group's only member was its owner: nobody can go on with it.
    let listed =
        async || rows(&heir.client.post("/h5/group/getGroup", &json!({"merchant": room.page})).await.ok().data());
    until("the group has ended", async || listed().await.is_empty()).await;
}

async fn a_group_goes_on_under_who_comes_next(world: World) {
    let room = Room::new(&world).await;
    let (member, admin) = (room.member(&world).await, room.admin(&world).await);
    let heir = room.member(&world).await;
    let to = json!({"merchant": room.page, "user": heir.id});
    room.owner.client.post("/h5/merchant/transfer", &to).await.ok();
    let mut socket = connect(&world, &member).await;
    // To the page's creator, who came last; once they have closed the page and are gone, too, to the admin.
    for (owner, successor) in [(&room.owner, &heir), (&heir, &admin)] {
        if owner.id == heir.id {
            heir.client.post("/h5/merchant/close", &json!({"merchant": room.page})).await.ok();
        }
        delete(owner, "keep").await;
        let role = socket.event().await;
        let told = (&role["kind"], &role["user"]["_id"], &role["by"]["_id"], &role["role"]);
        assert_eq!(told, (&json!("role"), &json!(successor.id), &json!(owner.id), &json!(2)));
        assert_eq!(socket.event().await["kind"], json!("left"));
    }
    let mut left = members(&room, &member).await;
    left.sort_by_key(|(_, role)| -role);
    assert_eq!(left, [(admin.id.clone(), 2), (member.id.clone(), 0)]);
    room.act(&admin, "update", &json!({"name": "新的名字"})).await.ok();
}

async fn a_deleted_user_serves_no_page(world: World) {
    let (owner, customer, guest) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await["_id"].take();
    customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok();
    guest.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    delete(&customer, "keep").await;
    let contact = json!({"merchant": page});
    until("nobody serves the page", async || {
        guest.client.post("/h5/merchant/contact", &contact).await.reason() == "CUSTOMER_NOT_SERVING"
    })
    .await;
    let again = json!({"merchant": page, "customer": customer.id});
    let refused = owner.client.post("/h5/merchant/update", &again).await;
    assert_eq!((refused.status, &*refused.reason()), (StatusCode::NOT_FOUND, "CUSTOMER_NOT_FOUND"));
}
