//! How often a login may fail: counts by account and address, and by address in all, so that neither one password can
//! be guessed nor many accounts be tried from one place, while the rightful user, who comes from another address, is
//! never locked out. Owns the counts, in the memory of this process and bounded; the decisions are in `failures`.

mod failures;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatroom_kit::clock::Clock;
use chrono::{DateTime, Utc};
use moka::{policy::EvictionPolicy, sync::Cache};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use self::failures::{Decision, FORGOTTEN_AFTER, Failures};
use crate::{
    domain::{Address, Username},
    error::Error,
};

/// How many failures an account bears from one address.
const ACCOUNT_LIMIT: usize = 10;
/// How many counts of each kind are kept; the one that was unused for longest makes room. About 20 MB at most.
const COUNTS: u64 = 50_000;
/// How long an attempt waits for the outcomes of others.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many attempts may wait at one count.
const WAITING: usize = 128;

/// The counts.
pub(crate) struct Throttle {
    by_address: Cache<Address, Arc<Count>>,
    by_account: Cache<(Box<str>, Address), Arc<Count>>,
    address_limit: usize,
    clock: Clock,
}

/// One count.
struct Count {
    limit: usize,
    address: Address,
    failures: Mutex<Failures>,
    /// Wakes one of those that wait; each wakes the next when it waits no longer.
    changed: Notify,
    /// One for each attempt that waits.
    places: Semaphore,
}

/// An attempt that was let through. Unless its outcome is told, it comes to nothing.
pub(crate) struct Attempt {
    by_address: Admission,
    by_account: Admission,
    clock: Clock,
}

impl Throttle {
    /// `address_limit`: how many failures an address bears in all.
    pub(crate) fn new(address_limit: usize, clock: Clock) -> Self {
        Self { by_address: counts(), by_account: counts(), address_limit, clock }
    }

    /// Begins an attempt to sign in as `username`, whoever that is.
    pub(crate) async fn begin(&self, username: &Username, address: Address) -> Result<Attempt, Error> {
        let by_address = self.by_address.get_with(address, || Count::new(self.address_limit, address));
        let by_account =
            self.by_account.get_with((username.key().into(), address), || Count::new(ACCOUNT_LIMIT, address));
        // Always in this order, so that no two attempts wait for each other.
        Ok(Attempt {
            by_address: by_address.admit(&self.clock).await?,
            by_account: by_account.admit(&self.clock).await?,
            clock: self.clock.clone(),
        })
    }
}

fn counts<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Arc<Count>> {
    Cache::builder()
        .max_capacity(COUNTS)
        // The default policy keeps newcomers out of a full cache, and would not count them.
        .eviction_policy(EvictionPolicy::lru())
        .time_to_idle(FORGOTTEN_AFTER.to_std().unwrap_or_default())
        .build()
}

impl Attempt {
    /// The name or the password was wrong.
    pub(crate) fn failed(mut self) {
        let now = self.clock.now();
        self.by_address.outcome = Outcome::Failed(now);
        self.by_account.outcome = Outcome::Failed(now);
    }

    /// Both were right. What others have done from the same address still counts.
    pub(crate) fn succeeded(mut self) {
        self.by_account.outcome = Outcome::Succeeded;
    }
}

impl Count {
    fn new(limit: usize, address: Address) -> Arc<Self> {
        let (failures, changed) = (Mutex::default(), Notify::new());
        Arc::new(Self { limit, address, failures, changed, places: Semaphore::new(WAITING) })
    }

    /// Lets an attempt through or refuses it, once it is known which.
    async fn admit(self: Arc<Self>, clock: &Clock) -> Result<Admission, Error> {
        if let Some(decided) = self.decide(clock.now()) {
            decided?;
        } else {
            self.wait(clock).await?;
        }
        Ok(Admission { count: self, outcome: Outcome::None })
    }

    /// Waits until it is known, but not for long and not behind too many others.
    async fn wait(&self, clock: &Clock) -> Result<(), Error> {
        let _place = self.places.try_acquire().map_err(|_| Error::Overloaded)?;
        timeout(PATIENCE, self.decided(clock)).await.map_err(|_| Error::Overloaded)?
    }

    async fn decided(&self, clock: &Clock) -> Result<(), Error> {
        loop {
            self.changed.notified().await;
            if let Some(decided) = self.decide(clock.now()) {
                self.changed.notify_one();
                return decided;
            }
        }
    }

    /// Whether an attempt is let through; nothing where it has to wait.
    fn decide(&self, now: DateTime<Utc>) -> Option<Result<(), Error>> {
        match self.failures().decide(self.limit, now) {
            Decision::Go => Some(Ok(())),
            Decision::Wait => None,
            Decision::Refuse(retry_after) => Some(Err(Error::TooManyAttempts { retry_after })),
        }
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt as one count sees it; dropping it tells the count its outcome.
struct Admission {
    count: Arc<Count>,
    outcome: Outcome,
}

enum Outcome {
    /// The attempt came to nothing: something else failed, or the caller went away.
    None,
    Failed(DateTime<Utc>),
    Succeeded,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Count { limit, address, .. } = *self.count;
        match self.outcome {
            Outcome::None => self.count.failures().withdrawn(),
            Outcome::Succeeded => self.count.failures().succeeded(),
            Outcome::Failed(now) => {
                let block = self.count.failures().failed(limit, now);
                if let Some(block) = block {
                    tracing::warn!(client.address = %address, seconds = block.num_seconds(), "logins blocked");
                }
            }
        }
        self.count.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, future};

    use super::*;

    struct Place {
        throttle: Throttle,
        clock: Clock,
    }

    impl Place {
        fn new(address_limit: usize) -> Self {
            let clock = Clock::standing_at(DateTime::UNIX_EPOCH);
            Self { throttle: Throttle::new(address_limit, clock.clone()), clock }
        }

        async fn attempt(&self, name: &str, address: &str) -> Result<Attempt, Error> {
            self.throttle.begin(&Username::parse(name).unwrap(), Address::parse(address).unwrap()).await
        }

        async fn fail(&self, name: &str, address: &str, times: usize) {
            for _ in 0..times {
                self.attempt(name, address).await.unwrap().failed();
            }
        }

        async fn retry_after(&self, name: &str, address: &str) -> Option<u64> {
            match self.attempt(name, address).await {
                Err(Error::TooManyAttempts { retry_after }) => Some(retry_after.as_secs()),
                Err(error) => panic!("{error}"),
                Ok(_) => None,
            }
        }
    }

    #[tokio::test]
    async fn ten_failures_block_an_account_from_one_address_only() {
        let place = Place::new(1000);
        place.fail("lily", "203.0.113.7", 10).await;
        assert_eq!(place.retry_after("LILY", "203.0.113.7").await, Some(30));
        assert_eq!(place.retry_after("lily", "203.0.113.8").await, None);
        assert_eq!(place.retry_after("rose", "203.0.113.7").await, None);
    }

    #[tokio::test]
    async fn failures_at_many_accounts_block_the_address() {
        let place = Place::new(10);
        for account in 0..10 {
            place.fail(&format!("user{account}"), "203.0.113.7", 1).await;
        }
        assert_eq!(place.retry_after("rose", "203.0.113.7").await, Some(30));
        assert_eq!(place.retry_after("user0", "203.0.113.8").await, None);
    }

    #[tokio::test]
    async fn a_block_ends_and_the_next_is_longer() {
        let place = Place::new(10);
        place.fail("lily", "", 10).await;
        place.clock.advance(Duration::from_secs(30));
        place.fail("lily", "", 1).await;
        assert_eq!(place.retry_after("lily", "").await, Some(60));
    }

    #[tokio::test]
    async fn a_success_clears_the_account_and_not_the_address() {
        let place = Place::new(12);
        place.fail("lily", "", 9).await;
        place.attempt("lily", "").await.unwrap().succeeded();
        place.fail("lily", "", 2).await;
        assert_eq!(place.retry_after("lily", "").await, None);
        place.fail("rose", "", 1).await;
        assert_eq!(place.retry_after("rose", "").await, Some(30));
    }

    #[tokio::test]
    async fn attempts_that_come_to_nothing_do_not_count() {
        let place = Place::new(10);
        for _ in 0..100 {
            drop(place.attempt("lily", "").await.unwrap());
        }
        place.fail("lily", "", 9).await;
        assert_eq!(place.retry_after("lily", "").await, None);
    }

    #[tokio::test]
    async fn of_many_failures_at_once_ten_are_let_through() {
        let place = Place::new(10);
        let attempts = future::join_all((0..100).map(|_| async {
            let attempt = place.attempt("lily", "").await?;
            tokio::task::yield_now().await;
            attempt.failed();
            Ok::<_, Error>(())
        }));
        let outcomes = attempts.await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
        assert!(outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).all(is_blocked));
    }

    fn is_blocked(error: &Error) -> bool {
        matches!(error, Error::TooManyAttempts { .. })
    }

    #[tokio::test]
    async fn many_successes_at_once_are_all_let_through() {
        let place = Place::new(10);
        let attempts = future::join_all((0..100).map(|_| async {
            let attempt = place.attempt("lily", "").await.unwrap();
            tokio::task::yield_now().await;
            attempt.succeeded();
        }));
        attempts.await;
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long_or_behind_too_many() {
        let place = Place::new(10);
        let _under_way = future::try_join_all((0..10).map(|_| place.attempt("lily", ""))).await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(place.attempt("lily", ""))).collect();
        for attempt in &mut waiting {
            assert!(attempt.now_or_never().is_none());
        }
        assert!(matches!(place.attempt("lily", "").now_or_never(), Some(Err(Error::Overloaded))));
        for outcome in future::join_all(waiting).await {
            assert!(matches!(outcome, Err(Error::Overloaded)));
        }
    }
}
