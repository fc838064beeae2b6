//! Telling webhooks what happens, over HTTP, to a web server as a page's creator runs one.

use std::time::Duration;

use aws_lc_rs::hmac;
use chatroom_kit::{
    ids::{MerchantId, UserId},
    on_both_engines,
};
use chatroom_proto::{
    message::v1::{OpenContactRequest, RecallMessageRequest},
    webhook::v1::{CreateWebhookRequest, DeleteWebhookRequest, ListWebhooksRequest, Webhook, WebhookState},
};
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    receiver::{Posted, Receiver},
    world::{World, as_user, open, outcome, until},
};

on_both_engines!(
    events_arrive_signed_and_in_order,
    what_was_recalled_does_not_leave,
    what_does_not_arrive_is_tried_again_and_given_up_after_days,
    several_replicas_tell_each_group_one_after_the_other,
    a_redirection_is_not_followed,
    private_conversations_are_not_told,
    only_the_pages_creator_has_webhooks,
    a_page_has_five_and_an_address_once,
);

const SECRET: &str = "0123456789abcdef0123";

async fn create(world: &World, owner: UserId, merchant: MerchantId, url: &str) -> Result<Webhook, Status> {
    let request =
        CreateWebhookRequest { merchant: merchant.to_string(), url: url.to_owned(), secret: SECRET.to_owned() };
    Ok(world.webhooks.clone().create_webhook(as_user(world, owner, request)).await?.into_inner().webhook.unwrap())
}

async fn list(world: &World, owner: UserId, merchant: MerchantId) -> Result<Vec<Webhook>, Status> {
    let request = ListWebhooksRequest { merchant: merchant.to_string() };
    Ok(world.webhooks.clone().list_webhooks(as_user(world, owner, request)).await?.into_inner().webhooks)
}

/// A page with a group in which nobody but its owner is, and a webhook that is told of what follows.
async fn page(world: &World, receiver: &Receiver) -> (UserId, MerchantId, String) {
    let owner = UserId::new();
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    world.say(&group, owner, "before", "before").await;
    create(world, owner, merchant, &receiver.url).await.unwrap();
    (owner, merchant, group)
}

fn is_signed(posted: &Posted) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let text = [posted.header("x-chatroom-timestamp").as_bytes(), b".", &posted.body].concat();
    let digits = posted.header("x-chatroom-signature").strip_prefix("v1=").unwrap();
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
    hmac::verify(&key, &text, &pairs.collect::<Vec<_>>()).is_ok()
}

async fn events_arrive_signed_and_in_order(world: World) {
    let receiver = Receiver::start().await;
    let (owner, merchant, group) = page(&world, &receiver).await;
    let member = UserId::new();
    world.join(merchant, &group, member).await;
    world.say(&group, member, "a", "你好").await;
    // A group that was opened after the webhook is told of from its beginning.
    let other = world.group(merchant, owner).await;
    world.say(&other, owner, "a", "新的群").await;
    until("everything has arrived", async || receiver.places().len() == 3).await;
    let posted = receiver.posted();
    assert!(posted.iter().all(is_signed));
    let events = |group: &str| -> Vec<Value> {
        let of_group = posted.iter().map(Posted::json).filter(|body| body["group"] == *group);
        of_group.flat_map(|body| body["events"].as_array().unwrap().clone()).collect()
    };
    let first = events(&group);
    assert_eq!((&first[0]["kind"], &first[0]["user"]["_id"]), (&json!("joined"), &json!(member.to_string())));
    assert_eq!((&first[1]["seq"], &first[1]["kind"]), (&json!(3), &json!("message")));
    let message = &first[1]["message"];
    assert_eq!((&message["content"], &message["user"]["_id"]), (&json!({"text": "你好"}), &json!(member.to_string())));
    assert_eq!(events(&other)[0]["message"]["content"]["text"], "新的群");
    assert_eq!(posted[0].json()["merchant"], merchant.to_string());
    assert_eq!(posted[0].header("x-chatroom-webhook"), posted[0].json()["webhook"]);
    assert_eq!(posted[0].header("x-chatroom-timestamp"), world.clock.now().timestamp().to_string());
}

async fn what_was_recalled_does_not_leave(world: World) {
    let receiver = Receiver::start().await;
    let (owner, _, group) = page(&world, &receiver).await;
    receiver.answer(503);
    world.say(&group, owner, "a", "第一").await;
    until("it was tried", async || receiver.posted().len() == 1).await;
    let slip = world.say(&group, owner, "b", "秘密").await;
    let recall = RecallMessageRequest { message: slip.id };
    world.messages.clone().recall_message(as_user(&world, owner, recall)).await.unwrap();
    receiver.answer(200);
    world.advance(Duration::from_secs(2), async || receiver.places().len() == 4).await;
    let (failed, arrived) = (&receiver.posted()[0], &receiver.posted()[1]);
    assert_eq!((failed.places(), arrived.places()), (vec![2], vec![2, 3, 4]));
    let events = arrived.json()["events"].take();
    assert_eq!((&events[1]["kind"], &events[1]["message"]["content"]), (&json!("message"), &Value::Null));
    assert_eq!((&events[2]["kind"], &events[2]["message"]["recalled"]), (&json!("recalled"), &json!(true)));
    assert!(!String::from_utf8_lossy(&arrived.body).contains("秘密"));
}

async fn what_does_not_arrive_is_tried_again_and_given_up_after_days(world: World) {
    let receiver = Receiver::start().await;
    let (owner, merchant, group) = page(&world, &receiver).await;
    receiver.answer(500);
    world.say(&group, owner, "a", "你好").await;
    let state = async || list(&world, owner, merchant).await.unwrap().remove(0);
    until("it fails", async || state().await.state() == WebhookState::Failing).await;
    let failing = state().await;
    assert_eq!((failing.last_error.as_str(), failing.failing_since.is_some()), ("HTTP 500", true));
    let tried = receiver.posted().len();
    world.advance(Duration::from_secs(2), async || receiver.posted().len() > tried).await;
    world.advance(Duration::from_hours(73), async || state().await.state() == WebhookState::Disabled).await;
    // Given up: however late it is, nothing is tried, until its owner says so; then nothing is missing.
    let tried = receiver.posted().len();
    world.clock.advance(Duration::from_hours(24));
    world.say(&group, owner, "b", "还在吗").await;
    receiver.answer(200);
    assert_eq!(create(&world, owner, merchant, &receiver.url).await.unwrap().state(), WebhookState::Active);
    until("what was missed arrives", async || receiver.places().ends_with(&[2, 3])).await;
    assert_eq!(receiver.posted().len(), tried + 1);
    assert_eq!(state().await.last_error, "");
}

async fn several_replicas_tell_each_group_one_after_the_other(world: World) {
    let receiver = Receiver::start().await;
    let (owner, _, group) = page(&world, &receiver).await;
    let replicas = [world.replica().await, world.replica().await];
    for number in 0..60 {
        let request = crate::world::send_request(&group, &number.to_string(), "你好");
        replicas[number % 2].clone().send_message(as_user(&world, owner, request)).await.unwrap();
    }
    until("everything has arrived", async || receiver.places().len() >= 60).await;
    assert_eq!((receiver.places(), receiver.most_at_once()), ((2..=61).collect(), 1));
}

async fn a_redirection_is_not_followed(world: World) {
    let receiver = Receiver::start().await;
    let (owner, merchant, group) = page(&world, &receiver).await;
    receiver.answer(307);
    world.say(&group, owner, "a", "你好").await;
    let failing = async || list(&world, owner, merchant).await.unwrap()[0].last_error == "HTTP 307";
    until("it fails", failing).await;
    assert_eq!(receiver.posted().len(), 1);
}

async fn private_conversations_are_not_told(world: World) {
    let receiver = Receiver::start().await;
    let (owner, merchant, group) = page(&world, &receiver).await;
    let member = UserId::new();
    world.pages.join(merchant, member);
    world.pages.serve(merchant);
    let contact = OpenContactRequest { merchant: merchant.to_string() };
    let opened = world.messages.clone().open_contact(as_user(&world, member, contact)).await.unwrap().into_inner();
    let private = opened.conversation.unwrap().group.unwrap().id;
    world.say(&private, member, "a", "秘密").await;
    world.say(&group, owner, "a", "公开").await;
    until("the public one arrives", async || !receiver.posted().is_empty()).await;
    let groups: Vec<_> = receiver.posted().iter().map(|posted| posted.json()["group"].clone()).collect();
    assert_eq!(groups, [json!(group)]);
}

async fn only_the_pages_creator_has_webhooks(world: World) {
    let (owner, other) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, other);
    let url = "https://shop.example/hook";
    let webhook = create(&world, owner, merchant, url).await.unwrap();
    assert!(!format!("{webhook:?}").contains(SECRET));
    assert_eq!(outcome(&create(&world, other, merchant, url).await), "NOT_MERCHANT_OWNER");
    assert_eq!(outcome(&list(&world, other, merchant).await), "NOT_MERCHANT_OWNER");
    assert_eq!(outcome(&create(&world, owner, MerchantId::new(), url).await), "MERCHANT_NOT_FOUND");
    assert_eq!(outcome(&create(&world, owner, merchant, "gopher://shop.example").await), "INVALID_ARGUMENT");
    let delete = async |user, webhook: &str| {
        let request = DeleteWebhookRequest { webhook: webhook.to_owned() };
        outcome(&world.webhooks.clone().delete_webhook(as_user(&world, user, request)).await)
    };
    assert_eq!(delete(other, &webhook.id).await, "WEBHOOK_NOT_FOUND");
    assert_eq!(delete(owner, &webhook.id).await, "ok");
    assert_eq!(delete(owner, &webhook.id).await, "WEBHOOK_NOT_FOUND");
    assert!(list(&world, owner, merchant).await.unwrap().is_empty());
}

async fn a_page_has_five_and_an_address_once(world: World) {
    let owner = UserId::new();
    let merchant = world.pages.open(owner, owner);
    for number in 0..5 {
        create(&world, owner, merchant, &format!("https://shop.example/{number}")).await.unwrap();
    }
    assert_eq!(outcome(&create(&world, owner, merchant, "https://shop.example/5").await), "WEBHOOK_LIMIT_REACHED");
    let again = create(&world, owner, merchant, "https://shop.example/3").await.unwrap();
    assert_eq!(again.version, 1);
    assert_eq!(list(&world, owner, merchant).await.unwrap().len(), 5);
}
