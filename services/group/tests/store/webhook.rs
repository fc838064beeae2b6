//! How far webhooks have been told, and whose turn it is.

use std::time::Duration;

use chatroom_group::domain::{Delivery, NewWebhook, Secret, Webhook, WebhookUrl};
use chatroom_kit::{ids::MerchantId, on_both_engines};
use chrono::{DateTime, Utc};

use crate::world::{Fresh, noon, open};

on_both_engines!(
    a_webhook_is_told_of_what_follows_it,
    a_lease_keeps_others_away_and_ends,
    a_lease_that_has_ended_moves_nothing,
    one_that_is_given_up_is_left_alone,
    a_busy_one_is_left_for_later,
);

async fn webhook(fresh: &Fresh, merchant: MerchantId) -> Webhook {
    let url = WebhookUrl::parse("https://shop.example/", false).unwrap();
    let new = NewWebhook { merchant, url, secret: Secret::parse("0123456789abcdef").unwrap() };
    fresh.store.create_webhook(&new, noon()).await.unwrap().unwrap()
}

fn at(second: u64) -> DateTime<Utc> {
    noon() + Duration::from_secs(second)
}

async fn claim(fresh: &Fresh, second: u64) -> Vec<Delivery> {
    fresh.replica().await.claim_deliveries(&[], 10, at(second), at(second + 30)).await.unwrap()
}

/// A group in which something has been said since its page has a webhook.
async fn scene(fresh: &Fresh) -> (Webhook, Delivery) {
    let (group, owner) = fresh.group().await;
    let merchant = fresh.store.access(group, owner).await.unwrap().unwrap().group.merchant;
    fresh.say(group, owner, "before", "你好").await;
    let webhook = webhook(fresh, merchant).await;
    assert!(claim(fresh, 0).await.is_empty());
    fresh.say(group, owner, "after", "你好").await;
    let mut claimed = claim(fresh, 0).await;
    assert_eq!((claimed.len(), claimed[0].group, claimed[0].webhook), (1, group, webhook.id));
    (webhook, claimed.remove(0))
}

async fn a_webhook_is_told_of_what_follows_it(fresh: Fresh) {
    let (webhook, delivery) = scene(&fresh).await;
    assert_eq!((delivery.seq, delivery.attempts, delivery.secret.as_str()), (1, 0, "0123456789abcdef"));
    fresh.store.delivered(&delivery, 2, at(1)).await.unwrap();
    assert!(claim(&fresh, 60).await.is_empty());
    assert_eq!(fresh.store.webhooks(webhook.merchant).await.unwrap(), [webhook]);
}

async fn a_lease_keeps_others_away_and_ends(fresh: Fresh) {
    let (_, delivery) = scene(&fresh).await;
    assert!(claim(&fresh, 29).await.is_empty());
    let again = claim(&fresh, 30).await;
    assert_eq!((again.len(), again[0].seq), (1, delivery.seq));
}

async fn a_lease_that_has_ended_moves_nothing(fresh: Fresh) {
    let (_, late) = scene(&fresh).await;
    let current = claim(&fresh, 30).await.remove(0);
    fresh.store.delivered(&late, 2, at(31)).await.unwrap();
    fresh.store.not_delivered(&current, "HTTP 500", at(32), at(33), at(0)).await.unwrap();
    let again = claim(&fresh, 33).await.remove(0);
    assert_eq!((again.seq, again.attempts), (1, 1));
}

async fn one_that_is_given_up_is_left_alone(fresh: Fresh) {
    let (webhook, mut delivery) = scene(&fresh).await;
    let days = |days: u64| Duration::from_hours(24 * days);
    for day in 0..4 {
        let now = noon() + days(day);
        let given_up = fresh.store.not_delivered(&delivery, "HTTP 500", now, now, now - days(3)).await.unwrap();
        assert_eq!(given_up, day == 3, "day {day}");
        if !given_up {
            delivery = claim(&fresh, 24 * 3600 * (day + 1)).await.remove(0);
        }
    }
    assert!(claim(&fresh, 24 * 3600 * 100).await.is_empty());
    let shown = fresh.store.webhooks(webhook.merchant).await.unwrap().remove(0);
    assert_eq!((shown.disabled_at, shown.failing_since), (Some(noon() + days(3)), Some(noon())));
    assert_eq!(shown.last_error.as_deref(), Some("HTTP 500"));
}

async fn a_busy_one_is_left_for_later(fresh: Fresh) {
    let (webhook, _) = scene(&fresh).await;
    let busy = fresh.store.claim_deliveries(&[webhook.id], 10, at(60), at(90)).await.unwrap();
    assert!(busy.is_empty());
    assert_eq!(claim(&fresh, 60).await.len(), 1);
}
