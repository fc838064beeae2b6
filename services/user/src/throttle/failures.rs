//! The decisions of the throttle for one count: pure, with the time passed in.

use std::{collections::VecDeque, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

/// How long a failure counts.
const WINDOW: TimeDelta = TimeDelta::minutes(5);
/// How long the first block lasts; each further one lasts twice as long as the one before.
const FIRST_BLOCK: TimeDelta = TimeDelta::seconds(30);
/// How long a block lasts at most.
const LONGEST_BLOCK: TimeDelta = TimeDelta::minutes(15);
/// How long after the last failure earlier blocks are forgotten.
pub(super) const FORGOTTEN_AFTER: TimeDelta = TimeDelta::hours(1);

/// What becomes of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// It is let through, and counted until its outcome is told.
    Go,
    /// It depends on the outcomes of those under way.
    Wait,
    /// It is refused for so long.
    Refuse(Duration),
}

/// The failures that count, and what they have led to.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// When attempts failed, oldest first; one more within the window than stands here leads to a block.
    times: VecDeque<DateTime<Utc>>,
    /// How many attempts were let through whose outcome is not known.
    under_way: usize,
    /// When the last attempt failed.
    last: Option<DateTime<Utc>>,
    /// When the last block ends.
    blocked_until: Option<DateTime<Utc>>,
    /// How many blocks there were.
    blocks: u32,
}

impl Failures {
    /// Decides over an attempt. Those under way count as if they had failed, so that attempts made at once do not
    /// slip past the limit.
    pub(super) fn decide(&mut self, limit: usize, now: DateTime<Utc>) -> Decision {
        if let Some(left) = self.blocked_until.and_then(|end| (end - now).to_std().ok()).filter(|left| !left.is_zero())
        {
            return Decision::Refuse(left);
        }
        self.forget(now);
        if self.times.len() + self.under_way >= limit {
            return Decision::Wait;
        }
        self.under_way += 1;
        Decision::Go
    }

    /// An attempt under way has failed. Answers how long attempts are blocked where it was one too many.
    pub(super) fn failed(&mut self, limit: usize, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.withdrawn();
        self.forget(now);
        self.last = Some(now);
        self.times.push_back(now);
        if self.times.len() < limit {
            return None;
        }
        // Leaves room for one attempt after the block: where it fails too, the next block follows at once.
        self.times.pop_front();
        let block = LONGEST_BLOCK.min(FIRST_BLOCK * (1 << self.blocks.min(5)));
        self.blocks += 1;
        self.blocked_until = Some(now + block);
        Some(block)
    }

    /// An attempt under way has succeeded: its account is in the right hands.
    pub(super) fn succeeded(&mut self) {
        self.withdrawn();
        *self = Self { under_way: self.under_way, ..Self::default() };
    }

    /// An attempt under way has come to nothing, and says nothing.
    pub(super) fn withdrawn(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    fn forget(&mut self, now: DateTime<Utc>) {
        while self.times.front().is_some_and(|&time| now - time >= WINDOW) {
            self.times.pop_front();
        }
        if self.last.is_some_and(|last| now - last >= FORGOTTEN_AFTER) {
            self.blocks = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 10;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn fail(failures: &mut Failures, seconds: i64) -> Option<i64> {
        assert_eq!(failures.decide(LIMIT, at(seconds)), Decision::Go);
        failures.failed(LIMIT, at(seconds)).map(|block| block.num_seconds())
    }

    /// Failures whose tenth was made at second 0.
    fn ten() -> Failures {
        let mut failures = Failures::default();
        for _ in 1..LIMIT {
            assert_eq!(fail(&mut failures, 0), None);
        }
        assert_eq!(fail(&mut failures, 0), Some(30));
        failures
    }

    #[test]
    fn the_tenth_failure_blocks_for_half_a_minute() {
        let mut failures = ten();
        assert_eq!(failures.decide(LIMIT, at(0)), Decision::Refuse(Duration::from_secs(30)));
        assert_eq!(failures.decide(LIMIT, at(29)), Decision::Refuse(Duration::from_secs(1)));
        assert_eq!(failures.decide(LIMIT, at(30)), Decision::Go);
    }

    #[test]
    fn each_further_failure_blocks_for_twice_as_long_up_to_a_quarter_of_an_hour() {
        let mut failures = ten();
        let mut now = 30;
        for block in [60, 120] {
            assert_eq!(fail(&mut failures, now), Some(block));
            now += block;
        }
        for block in [240, 480, 900, 900] {
            // What failed within the last five minutes counts still, the rest has to be made up for.
            let raised = std::iter::repeat_with(|| fail(&mut failures, now)).take(LIMIT).find_map(|block| block);
            assert_eq!(raised, Some(block));
            now += block;
        }
    }

    #[test]
    fn failures_spread_over_more_than_the_window_do_not_block() {
        let mut failures = Failures::default();
        for attempt in 0..100 {
            // Nine in any five minutes.
            assert_eq!(fail(&mut failures, attempt * 34), None);
        }
    }

    #[test]
    fn blocks_are_forgotten_an_hour_after_the_last_failure() {
        let mut failures = ten();
        for _ in 1..LIMIT {
            assert_eq!(fail(&mut failures, 3600), None);
        }
        assert_eq!(fail(&mut failures, 3600), Some(30));
    }

    #[test]
    fn attempts_made_at_once_do_not_slip_past_the_limit() {
        let mut failures = Failures::default();
        for _ in 0..LIMIT {
            assert_eq!(failures.decide(LIMIT, at(0)), Decision::Go);
        }
        assert_eq!(failures.decide(LIMIT, at(0)), Decision::Wait);
        failures.failed(LIMIT, at(0));
        assert_eq!(failures.decide(LIMIT, at(0)), Decision::Wait);
        failures.withdrawn();
        assert_eq!(failures.decide(LIMIT, at(0)), Decision::Go);
    }

    #[test]
    fn a_success_clears_the_count() {
        let mut failures = Failures::default();
        for _ in 1..LIMIT {
            fail(&mut failures, 0);
        }
        assert_eq!(failures.decide(LIMIT, at(0)), Decision::Go);
        failures.succeeded();
        for _ in 1..LIMIT {
            assert_eq!(fail(&mut failures, 0), None);
        }
    }

    #[test]
    fn a_limit_of_one_blocks_on_the_first_failure() {
        let mut failures = Failures::default();
        assert_eq!(failures.decide(1, at(0)), Decision::Go);
        assert!(failures.failed(1, at(0)).is_some());
        assert_eq!(failures.decide(1, at(30)), Decision::Go);
    }
}
