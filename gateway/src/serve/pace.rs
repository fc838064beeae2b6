//! Whether a peer that is waited for makes progress. Owns no timer.

use std::time::Duration;

use tokio::time::Instant;

/// What a peer must bring or take in the time it is given.
const PROGRESS: usize = 16 << 10;

/// How long a peer has been waited for, and what came of it. Only time in which it was the peer's turn counts.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    waited: Duration,
    bytes: usize,
}

impl Pace {
    /// It is the peer's turn.
    pub(super) fn wait(&mut self, now: impl FnOnce() -> Instant) {
        self.since.get_or_insert_with(now);
    }

    /// The peer has brought or taken some bytes, and it is our turn.
    pub(super) fn progress(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        if let Some(since) = self.since.take() {
            self.waited += now().duration_since(since);
        }
        if self.waited.is_zero() {
            return;
        }
        self.bytes += bytes;
        if self.bytes >= PROGRESS {
            *self = Self::default();
        }
    }

    /// Nothing more is expected of the peer.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// A new request begins; what a peer owes from the last one is forgotten, but not that it is its turn.
    pub(super) fn restart(&mut self) {
        *self = Self { since: self.since, ..Self::default() };
    }

    /// When the peer, if it does nothing, will have been waited for as long as `patience`.
    pub(super) fn deadline(&self, patience: Duration) -> Option<Instant> {
        self.since.map(|since| since + patience.saturating_sub(self.waited))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    /// A pace, and a clock that a test moves.
    struct Waiting {
        pace: Pace,
        now: Instant,
    }

    impl Waiting {
        fn new() -> Self {
            Self { pace: Pace::default(), now: Instant::now() }
        }

        /// It is the peer's turn for some seconds, in which it brings some bytes.
        fn turn(&mut self, seconds: u64, bytes: usize) {
            let begun = self.now;
            self.pace.wait(|| begun);
            self.pass(seconds);
            let ended = self.now;
            self.pace.progress(bytes, || ended);
        }

        fn pass(&mut self, seconds: u64) {
            self.now += Duration::from_secs(seconds);
        }

        /// How long a peer that does nothing from now on may take.
        fn left(&mut self) -> Duration {
            let now = self.now;
            self.pace.wait(|| now);
            self.pace.deadline(PATIENCE).unwrap() - now
        }
    }

    #[test]
    fn a_trickle_does_not_buy_time() {
        let mut waiting = Waiting::new();
        for _ in 0..10 {
            waiting.turn(2, 100);
        }
        assert_eq!(waiting.left(), Duration::from_secs(10));
    }

    #[test]
    fn enough_progress_starts_afresh() {
        let mut waiting = Waiting::new();
        waiting.turn(20, PROGRESS);
        assert_eq!(waiting.left(), PATIENCE);
    }

    #[test]
    fn our_own_time_does_not_count() {
        let mut waiting = Waiting::new();
        waiting.turn(10, 100);
        assert_eq!(waiting.pace.deadline(PATIENCE), None);
        waiting.pass(1000);
        assert_eq!(waiting.left(), Duration::from_secs(20));
    }
}
