//! How many frames a client may send. Owns the bounds on frames as such; what a frame asks for has limits of its own.

use std::{
    num::NonZeroU32,
    time::{Duration, Instant},
};

/// How many frames there may be to each write: most that a client says besides writing is that it has read, and what
/// it watches.
const FRAMES_PER_WRITE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);
/// How many frames too many are refused before the socket is closed.
const PATIENCE: u32 = 60;

/// How fast frames may come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How many may come at once.
    burst: u32,
    /// How long it takes until one more may come.
    each: Duration,
}

impl Pace {
    /// What leaves room for all the writes that somebody may make.
    pub(crate) fn beside_writes(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        let frames = per_second.saturating_mul(FRAMES_PER_WRITE);
        Self {
            burst: burst.saturating_mul(FRAMES_PER_WRITE).get(),
            // At a billion a second there is no bound any more.
            each: Duration::from_secs(1) / frames.get(),
        }
    }
}

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
    pub(super) fn take(&mut self, pace: Pace, now: Instant) -> Verdict {
        let Pace { burst, each } = pace;
        let used = self.full_at.saturating_duration_since(now) + each;
        if used > each.saturating_mul(burst.saturating_add(PATIENCE)) {
            return Verdict::Flood;
        }
        // One that is refused counts as well: whoever goes on is cut off.
        self.full_at = now + used;
        match used.checked_sub(each.saturating_mul(burst)) {
            None | Some(Duration::ZERO) => Verdict::Taken,
            // Until there is room for this one, which counts, and for the next.
            Some(wait) => Verdict::Refused(wait + each),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { burst: 120, each: Duration::from_millis(25) };

    #[test]
    fn there_is_room_for_every_write() {
        let [rate, burst] = [20, 60].map(|number| NonZeroU32::new(number).unwrap());
        let pace = Pace::beside_writes(rate, burst);
        assert_eq!((pace.burst, pace.each), (PACE.burst, PACE.each));
    }

    #[test]
    fn a_flood_is_refused_and_then_cut_off() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert!((0..PACE.burst).all(|_| allowance.take(PACE, now) == Verdict::Taken));
        assert_eq!(allowance.take(PACE, now), Verdict::Refused(PACE.each * 2));
        assert!((1..PATIENCE).all(|_| matches!(allowance.take(PACE, now), Verdict::Refused(_))));
        assert_eq!(allowance.take(PACE, now), Verdict::Flood);
    }

    #[test]
    fn whoever_waits_as_told_is_served() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        while allowance.take(PACE, now) == Verdict::Taken {}
        for _ in 0..1000 {
            now += PACE.each;
            if let Verdict::Refused(wait) = allowance.take(PACE, now) {
                now += wait;
                assert_eq!(allowance.take(PACE, now), Verdict::Taken);
            }
        }
    }
}
