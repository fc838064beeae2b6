//! How many frames a client may send. Owns the bounds on frames as such; what a frame asks for has limits of its own.

use std::time::{Duration, Instant};

/// How many frames may come at once.
const BURST: u32 = 120;
/// How long it takes until one more may come.
const EACH: Duration = Duration::from_millis(25);
/// How many frames too many are refused before the socket is closed.
const PATIENCE: u32 = 60;

/// What is left of what a client may send.
#[derive(Debug)]
pub(super) struct Allowance {
    /// When all of it will be there again: the more is used, the later.
    full_at: Instant,
}

/// Whether a frame may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may.
    Taken,
    /// It is one too many; the next may come after a while.
    Refused(Duration),
    /// There have been far too many.
    Flood,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a frame.
    pub(super) fn take(&mut self, now: Instant) -> Verdict {
        let used = self.full_at.saturating_duration_since(now) + EACH;
        if used > EACH * (BURST + PATIENCE) {
            return Verdict::Flood;
        }
        // One that is refused counts as well: whoever goes on is cut off.
        self.full_at = now + used;
        match used.checked_sub(EACH * BURST) {
            None | Some(Duration::ZERO) => Verdict::Taken,
            // Until there is room for this one, which counts, and for the next.
            Some(wait) => Verdict::Refused(wait + EACH),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_refused_and_then_cut_off() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert!((0..BURST).all(|_| allowance.take(now) == Verdict::Taken));
        assert_eq!(allowance.take(now), Verdict::Refused(EACH * 2));
        assert!((1..PATIENCE).all(|_| matches!(allowance.take(now), Verdict::Refused(_))));
        assert_eq!(allowance.take(now), Verdict::Flood);
    }

    #[test]
    fn whoever_waits_as_told_is_served() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        while allowance.take(now) == Verdict::Taken {}
        for _ in 0..1000 {
            now += EACH;
            if let Verdict::Refused(wait) = allowance.take(now) {
                now += wait;
                assert_eq!(allowance.take(now), Verdict::Taken);
            }
        }
    }
}
