//! Looks for messages that have grown too old and takes their content from them, a few at a time. Any replica may: each
//! page is one's for a while.

use std::time::Duration;

use chatroom_kit::clock::Clock;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time;
use tokio_util::sync::CancellationToken;

use crate::store::{Retained, Store};

/// How long a page is one replica's: longer than a round on it takes.
const LEASE: Duration = Duration::from_mins(2);
/// How long one round on a page may take before another page has its turn.
const ROUND: Duration = Duration::from_mins(1);
/// How often a page is looked at when nothing is left to do.
const LOOK_EVERY: Duration = Duration::from_mins(5);
/// How often pages that are due are looked for.
const POLL: Duration = Duration::from_secs(5);
/// The pause between two batches, so that whoever speaks comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes content from old messages.
#[derive(Clone)]
pub(crate) struct Expirer {
    store: Store,
    clock: Clock,
}

impl Expirer {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Works until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        while stop.run_until_cancelled(time::sleep(POLL)).await.is_some() {
            while let Some(worked) = stop.run_until_cancelled(self.round()).await {
                match worked {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "old messages cannot be looked for");
                        break;
                    }
                }
            }
        }
    }

    /// Works on the next page that is due; false where there is none.
    async fn round(&self) -> Result<bool, sqlx::Error> {
        let now = self.clock.now();
        let Some(page) = self.store.claim_retained(now, now + LEASE).await? else {
            return Ok(false);
        };
        let finished = self.expire(page, now - TimeDelta::days(page.days.into())).await?;
        let next_at = if finished { self.clock.now() + LOOK_EVERY } else { self.clock.now() };
        self.store.put_off_retained(page.merchant, next_at).await?;
        Ok(true)
    }

    /// Takes the content from a page's messages from before `cutoff`; false where the round's time is over before.
    async fn expire(&self, page: Retained, cutoff: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        let end = time::Instant::now() + ROUND;
        for (group, mut seq) in self.store.expiries(page.merchant).await? {
            while let Some(last) = self.store.expire(group, seq, cutoff, self.clock.now()).await? {
                seq = last;
                if time::Instant::now() > end {
                    return Ok(false);
                }
                time::sleep(PAUSE).await;
            }
        }
        Ok(true)
    }
}
