//! How much each user has uploaded today (UTC). Counted in memory, by each process on its own and from nothing after
//! a restart: across replicas the limit holds within a factor of their number. Owns no file.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatroom_kit::ids::UserId;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use moka::{policy::EvictionPolicy, sync::Cache};

use crate::error::Error;

/// How many users are counted, about 100 bytes each; beyond, those seen least are forgotten.
const USERS: u64 = 100_000;
/// Who has uploaded nothing for a day owes nothing.
const IDLE: Duration = Duration::from_hours(24);

/// The day's volume of every user.
#[derive(Clone)]
pub(crate) struct Volumes {
    limit: u64,
    users: Cache<UserId, Arc<Mutex<Day>>>,
}

/// One user's volume.
#[derive(Clone)]
pub(crate) struct Volume {
    limit: u64,
    day: Arc<Mutex<Day>>,
}

#[derive(Default)]
struct Day {
    date: NaiveDate,
    used: u64,
}

impl Volumes {
    /// Lets each user upload `limit` bytes a day.
    pub(crate) fn new(limit: u64) -> Self {
        let users = Cache::builder()
            .max_capacity(USERS)
            // The default policy keeps newcomers out of a full cache, and would not count them.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_idle(IDLE)
            .build();
        Self { limit, users }
    }

    /// The volume of `user`.
    pub(crate) fn of(&self, user: UserId) -> Volume {
        Volume { limit: self.limit, day: self.users.get_with(user, Arc::default) }
    }
}

impl Volume {
    /// Counts bytes that came; an error, and nothing counted, where that would exceed the limit.
    pub(crate) fn take(&self, bytes: u64, now: DateTime<Utc>) -> Result<(), Error> {
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        if day.date != now.date_naive() {
            *day = Day { date: now.date_naive(), used: 0 };
        }
        if bytes > self.limit.saturating_sub(day.used) {
            return Err(Error::DailyVolumeExceeded { retry_after: until_midnight(now) });
        }
        day.used += bytes;
        Ok(())
    }

    /// Gives back bytes that came today and could not be stored, which is no fault of the user's.
    pub(crate) fn give_back(&self, bytes: u64) {
        let mut day = self.day.lock().unwrap_or_else(PoisonError::into_inner);
        day.used = day.used.saturating_sub(bytes);
    }
}

fn until_midnight(now: DateTime<Utc>) -> Duration {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX);
    (tomorrow.and_time(NaiveTime::MIN).and_utc() - now).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_user_has_so_much_a_day() {
        let volumes = Volumes::new(100);
        let (user, noon) = (UserId::new(), at("2023-08-21T12:00:00Z"));
        volumes.of(user).take(60, noon).unwrap();
        volumes.of(user).take(40, noon).unwrap();
        let Err(Error::DailyVolumeExceeded { retry_after }) = volumes.of(user).take(1, noon) else {
            panic!("the limit does not hold");
        };
        assert_eq!(retry_after, Duration::from_hours(12));
        volumes.of(UserId::new()).take(100, noon).unwrap();
        volumes.of(user).take(100, at("2023-08-22T00:00:00Z")).unwrap();
    }

    #[test]
    fn a_newcomer_counts_however_many_are_known() {
        let volumes = Volumes::new(100);
        let (newcomer, noon) = (UserId::new(), at("2023-08-21T12:00:00Z"));
        for _ in 0..USERS + 1_000 {
            volumes.of(UserId::new());
        }
        volumes.of(newcomer).take(100, noon).unwrap();
        volumes.users.run_pending_tasks();
        assert!(volumes.of(newcomer).take(1, noon).is_err());
    }

    #[test]
    fn what_was_not_stored_is_given_back() {
        let volume = Volumes::new(100).of(UserId::new());
        let noon = at("2023-08-21T12:00:00Z");
        volume.take(100, noon).unwrap();
        volume.give_back(100);
        volume.take(100, noon).unwrap();
        volume.give_back(u64::MAX);
        assert!(volume.take(101, noon).is_err());
    }
}
