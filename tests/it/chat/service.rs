//! Customer service (客服): consent, and the private conversation of a page's member.

use chatroom_tests::client::Answer;
use futures::future::join_all;
use serde_json::json;

use super::room::{assert_refused, post, rows, text, words};
use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, User, World, fresh_name},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        nobody_is_contacted_without_consent,
        a_creator_who_serves_their_own_page_has_consented,
        the_conversation_is_private_and_one,
        only_the_customer_service_user_consents,
        strangers_and_oneself_are_no_customers,
    ]
}

/// A page of somebody's, served by somebody else, and a member of it.
async fn page(world: &World) -> (serde_json::Value, User, User, User) {
    let (owner, customer, member) = (world.user().await, world.user().await, world.user().await);
    let page = world.page_served_by(&owner, &customer).await;
    member.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
    (page["_id"].clone(), owner, customer, member)
}

async fn say(user: &User, group: &str, said: &str) -> Answer {
    let send = json!({"group": group, "clientId": fresh_name("message"), "kind": "text", "content": {"text": said}});
    post(user, "/h5/message", send).await
}

async fn nobody_is_contacted_without_consent(world: World) {
    let (page, _, customer, member) = page(&world).await;
    let contact = || post(&member, "/h5/merchant/contact", json!({"merchant": page}));
    assert_refused(&contact().await, 409, "CUSTOMER_NOT_SERVING");
    let served =
        customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok().data();
    assert_eq!((&served["_id"], &served["serving"], &served["activationCode"]), (&page, &json!(true), &json!("")));
    let group = text(&contact().await.ok().data()["group"]["_id"]);
    customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": false})).await.ok();
    let late = world.user().await;
    late.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    let refused = late.client.post("/h5/merchant/contact", &json!({"merchant": page})).await;
    assert_refused(&refused, 409, "CUSTOMER_NOT_SERVING");
    say(&member, &group, "还在吗").await.ok();
}

async fn a_creator_who_serves_their_own_page_has_consented(world: World) {
    let (owner, member) = (world.user().await, world.user().await);
    let page = world.page(&owner).await["_id"].take();
    member.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    member.client.post("/h5/merchant/contact", &json!({"merchant": page})).await.ok();
}

async fn the_conversation_is_private_and_one(world: World) {
    let (page, owner, customer, member) = page(&world).await;
    customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok();
    let opened = join_all((0..6).map(|_| post(&member, "/h5/merchant/contact", json!({"merchant": page})))).await;
    let conversation = opened.into_iter().map(|answer| answer.ok().data()).reduce(|one, another| {
        assert_eq!(one["group"]["_id"], another["group"]["_id"]);
        another
    });
    let conversation = conversation.expect("six were opened");
    let record = &conversation["group"];
    assert_eq!(
        (&record["kind"], &record["memberCount"], &record["user"]),
        (&json!("service"), &json!(2), &json!(member.id))
    );
    let group = text(&record["_id"]);
    say(&member, &group, "在吗").await.ok();
    say(&customer, &group, "在的").await.ok();
    let listed = customer.client.get("/h5/conversation").await.ok().data();
    assert_eq!(words(&listed["conversations"][0]["lastMessage"]), "在的");
    // Not even the page's creator knows of it, and nobody joins, leaves or is put out.
    let groups = owner.client.post("/h5/group/getGroup", &json!({"merchant": page})).await.ok().data();
    assert_eq!(groups, json!([]));
    assert_refused(&say(&owner, &group, "我是老板").await, 404, "GROUP_NOT_FOUND");
    let history = owner.client.get(&format!("/h5/message?group={group}")).await;
    assert_refused(&history, 404, "GROUP_NOT_FOUND");
    for user in [&owner, &member] {
        let join = user.client.post("/h5/group/join", &json!({"group": group})).await;
        assert_refused(&join, 404, "GROUP_NOT_FOUND");
    }
    let leave = member.client.post("/h5/group/leave", &json!({"group": group})).await;
    assert_refused(&leave, 409, "SERVICE_CONVERSATION");
    let members = member.client.get(&format!("/h5/group/members?group={group}")).await.ok().data();
    assert_eq!(rows(&members["members"]).len(), 2);
}

async fn only_the_customer_service_user_consents(world: World) {
    let (page, owner, _, member) = page(&world).await;
    for user in [&owner, &member, &world.user().await] {
        let serve = user.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await;
        assert_refused(&serve, 403, "NOT_CUSTOMER");
    }
    let missing = owner.client.post("/h5/merchant/serve", &json!({"merchant": NOBODY, "accept": true})).await;
    assert_refused(&missing, 404, "MERCHANT_NOT_FOUND");
}

async fn strangers_and_oneself_are_no_customers(world: World) {
    let (page, _, customer, _) = page(&world).await;
    customer.client.post("/h5/merchant/serve", &json!({"merchant": page, "accept": true})).await.ok();
    let stranger = world.user().await;
    let contact = stranger.client.post("/h5/merchant/contact", &json!({"merchant": page})).await;
    assert_refused(&contact, 403, "NOT_PAGE_MEMBER");
    customer.client.post("/h5/merchant", &json!({"merchant": page})).await.ok();
    let oneself = customer.client.post("/h5/merchant/contact", &json!({"merchant": page})).await;
    assert_refused(&oneself, 409, "CONTACT_SELF");
    let missing = stranger.client.post("/h5/merchant/contact", &json!({"merchant": NOBODY})).await;
    assert_refused(&missing, 404, "MERCHANT_NOT_FOUND");
}
