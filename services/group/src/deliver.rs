//! Telling webhooks what happens in groups. Each replica takes some of what is due, under a lease, so that the events of
//! a group reach an address in their order and from one replica at a time; what a replica that dies had taken is
//! another's when the lease ends. How far each webhook has been told stands in the database: nothing is lost, and what
//! was told just before a crash may be told again.

mod payload;
mod post;

use std::{collections::HashMap, sync::Arc, time::Duration};

use chatroom_kit::clock::Clock;
use tokio::{sync::Notify, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{Delivery, WebhookId, pause},
    store::Store,
};
use payload::Payload;
use post::{PostError, Poster};

/// How many requests are under way at once.
const AT_ONCE: usize = 64;
/// How many of them go to one webhook: one that is slow leaves room for the others.
const AT_ONCE_TO_ONE: usize = 4;
/// How long what was taken is nobody else's: longer than any request takes.
const LEASE: Duration = Duration::from_secs(30);
/// How many events are read for one request.
const EVENTS_MAX: i64 = 200;
/// How long events gather before they are sent.
const GATHER: Duration = Duration::from_millis(100);
/// How often failed ones are looked for, and what other replicas have left.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells webhooks.
#[derive(Clone)]
pub(crate) struct Deliverer {
    store: Store,
    poster: Poster,
    give_up: Duration,
    clock: Clock,
}

impl Deliverer {
    pub(crate) fn new(store: Store, allow_private: bool, give_up: Duration, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self { store, poster: Poster::new(allow_private)?, give_up, clock })
    }

    /// Tells webhooks until `stop`. `stored` is notified when something has happened in a group.
    pub(crate) async fn run(self, stored: Arc<Notify>, stop: CancellationToken) {
        let mut under_way = UnderWay::default();
        while !stop.is_cancelled() {
            let taken = self.take(&under_way).await;
            let idle = taken.is_empty();
            for delivery in taken {
                under_way.begin(&self, delivery);
            }
            if idle || under_way.is_full() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = under_way.ended() => {}
                    () = stored.notified() => time::sleep(GATHER).await,
                    () = time::sleep(LOOK_EVERY) => {}
                }
            }
        }
    }

    async fn take(&self, under_way: &UnderWay) -> Vec<Delivery> {
        let Some(limit) = under_way.room() else {
            return Vec::new();
        };
        let now = self.clock.now();
        let taken = self.store.claim_deliveries(&under_way.busy(), limit, now, now + LEASE).await;
        taken.unwrap_or_else(|error| {
            tracing::warn!(%error, "what webhooks are to be told cannot be read");
            Vec::new()
        })
    }

    /// Tells a webhook what comes next in one group.
    async fn deliver(self, delivery: Delivery) {
        let outcome = match self.next(&delivery).await {
            // Somebody else has told it, or the group was rewound.
            Ok(None) => self.store.delivered(&delivery, delivery.seq, self.clock.now()).await,
            Ok(Some(Payload { body, last })) => {
                match self.poster.post(&delivery, body, self.clock.now().timestamp()).await {
                    Ok(()) => self.store.delivered(&delivery, last, self.clock.now()).await,
                    Err(error) => self.not_delivered(&delivery, &error).await,
                }
            }
            // The lease ends, and it is tried again.
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, webhook.id = %delivery.webhook, "a webhook cannot be told");
        }
    }

    async fn next(&self, delivery: &Delivery) -> Result<Option<Payload>, sqlx::Error> {
        let events = self.store.events(delivery.group, &delivery.epoch, delivery.seq, EVENTS_MAX).await?;
        Payload::of(delivery, &events).map_err(|error| sqlx::Error::Encode(error.into()))
    }

    async fn not_delivered(&self, delivery: &Delivery, error: &PostError) -> Result<(), sqlx::Error> {
        let now = self.clock.now();
        let next_at = now + pause(delivery.attempts.saturating_add(1), rand::random());
        let given_up = self.store.not_delivered(delivery, &error.to_string(), now, next_at, now - self.give_up).await?;
        tracing::info!(webhook.id = %delivery.webhook, %error, given_up, "webhook not reached");
        Ok(())
    }
}

/// Requests that are under way.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<WebhookId>,
    /// How many to each webhook.
    counts: HashMap<WebhookId, usize>,
}

impl UnderWay {
    fn begin(&mut self, deliverer: &Deliverer, delivery: Delivery) {
        let webhook = delivery.webhook;
        *self.counts.entry(webhook).or_default() += 1;
        let work = deliverer.clone().deliver(delivery);
        self.tasks.spawn(async move {
            work.await;
            webhook
        });
    }

    /// Waits until one has ended; for ever where none is under way.
    async fn ended(&mut self) {
        let Some(ended) = self.tasks.join_next().await else {
            return std::future::pending().await;
        };
        match ended {
            Ok(webhook) => {
                if let Some(count) = self.counts.get_mut(&webhook) {
                    *count -= 1;
                    if *count == 0 {
                        self.counts.remove(&webhook);
                    }
                }
            }
            // It has panicked, and nobody knows which it was: whoever waits for room waits for all the others.
            Err(error) => tracing::error!(%error, "telling a webhook has failed"),
        }
        if self.tasks.is_empty() {
            self.counts.clear();
        }
    }

    fn is_full(&self) -> bool {
        self.tasks.len() >= AT_ONCE
    }

    /// How many more there may be.
    fn room(&self) -> Option<i64> {
        AT_ONCE.checked_sub(self.tasks.len()).filter(|room| *room > 0).and_then(|room| i64::try_from(room).ok())
    }

    /// Webhooks that as many are under way to as may be.
    fn busy(&self) -> Vec<WebhookId> {
        self.counts.iter().filter(|(_, count)| **count >= AT_ONCE_TO_ONE).map(|(webhook, _)| *webhook).collect()
    }
}
