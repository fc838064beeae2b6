//! The time of day, cut to milliseconds, from a source that tests can set. Owns no timers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};

/// Where a process reads the time of day.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Milliseconds since the epoch, where a test has set them.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `time` until it is advanced.
    pub fn standing_at(time: DateTime<Utc>) -> Self {
        Self { set: Some(Arc::new(AtomicI64::new(time.timestamp_millis()))) }
    }

    /// Moves a standing clock forward; the machine's clock cannot be moved.
    pub fn advance(&self, by: Duration) {
        if let Some(set) = &self.set {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            set.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// Now, cut to milliseconds: what a client is shown is what a database stores.
    pub fn now(&self) -> DateTime<Utc> {
        let milliseconds = match &self.set {
            Some(set) => set.load(Ordering::Relaxed),
            None => system_milliseconds(),
        };
        DateTime::from_timestamp_millis(milliseconds).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn system_milliseconds() -> i64 {
    Utc::now().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_clock_moves_only_when_told() {
        let start = DateTime::from_timestamp_millis(1_692_591_413_765).unwrap();
        let clock = Clock::standing_at(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), start + Duration::from_secs(2));
    }

    #[test]
    fn the_system_clock_has_no_microseconds() {
        assert_eq!(Clock::system().now().timestamp_subsec_micros() % 1000, 0);
    }
}
