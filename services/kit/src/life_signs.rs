//! When a peer was last heard of, and the end of waiting for one that has fallen silent. A deadline alone would have to
//! choose between patience with the slow and haste with the dead; this tells them apart. Knows no protocol.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

/// How long a peer that is asked for a sign of life every [`ASK_EVERY`] may give none. Longer, callers would wait in vain;
/// shorter, a starved machine would look like a dead one: with 1.4 s, the scenarios met it on two busy cores.
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(3);
/// How often a peer is asked.
pub(crate) const ASK_EVERY: Duration = Duration::from_millis(500);
/// What even a silent peer is given for each call: it may have come back just now.
const GRACE: Duration = Duration::from_millis(250);

/// Woken by so much too late, this process was held up itself, and may have yet to read what the peer has said.
const HELD_UP: Duration = Duration::from_millis(100);
/// How often in a row that counts: one that is always woken too late would wait for a dead peer for ever, and in between
/// it had time to read.
const HELD_UP_TIMES: u32 = 3;

/// The signs of life of one peer.
#[derive(Debug)]
pub(crate) struct LifeSigns {
    heard: Mutex<Heard>,
}

#[derive(Debug)]
struct Heard {
    last: Instant,
    /// Of whoever has waited since.
    delays: Delays,
}

impl Heard {
    /// When the peer, should it say nothing more, has been silent for too long.
    fn silent_at(&self) -> Instant {
        self.last + SILENCE_MAX
    }
}

/// How often in a row this process was held up.
#[derive(Debug, Default)]
struct Delays(u32);

impl Delays {
    /// Whether this process, to be woken at `due`, was held up itself so that silence says nothing.
    fn excuse(&mut self, due: Instant) -> bool {
        self.0 = if due.elapsed() > HELD_UP { self.0 + 1 } else { 0 };
        (1..HELD_UP_TIMES).contains(&self.0)
    }
}

impl Clone for LifeSigns {
    /// Those of a peer that was last heard of when this one was.
    fn clone(&self) -> Self {
        Self::since(self.heard().last)
    }
}

impl LifeSigns {
    /// Those of a peer that is taken to live now.
    pub(crate) fn new() -> Self {
        Self::since(Instant::now())
    }

    fn since(last: Instant) -> Self {
        Self { heard: Mutex::new(Heard { last, delays: Delays::default() }) }
    }

    /// Notes that the peer has said something.
    pub(crate) fn note(&self) {
        *self.heard() = Heard { last: Instant::now(), delays: Delays::default() };
    }

    /// Whether the peer has been silent for too long, where whoever waited for it was to be woken at `due`. To be asked by
    /// one only, whenever it has waited in vain: it counts.
    pub(crate) fn have_ended(&self, due: Instant) -> bool {
        let mut heard = self.heard();
        !heard.delays.excuse(due) && heard.silent_at() <= Instant::now()
    }

    /// Waits until the peer has been silent for too long.
    pub(crate) async fn ended(&self) {
        let (mut due, mut delays) = (Instant::now() + GRACE, Delays::default());
        loop {
            sleep_until(due).await;
            if delays.excuse(due) {
                due = Instant::now() + GRACE;
                continue;
            }
            let silent_at = self.heard().silent_at();
            if silent_at <= due {
                return;
            }
            due = silent_at;
        }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use tokio::time::{advance, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_says_something_now_and_then_is_waited_for() {
        let signs = LifeSigns::new();
        let speaking = async {
            for _ in 0..10 {
                sleep(SILENCE_MAX / 2).await;
                signs.note();
            }
        };
        tokio::select! {
            () = signs.ended() => panic!("it is not silent"),
            () = speaking => {}
        }
        let silent_since = Instant::now();
        signs.ended().await;
        assert_eq!(silent_since.elapsed(), SILENCE_MAX);
        // Known to be silent, it is given little more.
        signs.ended().await;
        assert_eq!(silent_since.elapsed(), SILENCE_MAX + GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_held_up_itself_takes_nobody_for_silent() {
        let signs = LifeSigns::new();
        let due = Instant::now() + ASK_EVERY;
        advance(SILENCE_MAX).await;
        assert!(!signs.have_ended(due), "what it has said may be unread");
        assert!(signs.have_ended(Instant::now()));
        signs.note();
        assert!(!signs.have_ended(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_always_held_up_takes_the_silent_for_silent_all_the_same() {
        let signs = LifeSigns::new();
        advance(SILENCE_MAX).await;
        let asked_late = async || {
            let due = Instant::now();
            advance(2 * HELD_UP).await;
            signs.have_ended(due)
        };
        assert_eq!([asked_late().await, asked_late().await, asked_late().await], [false, false, true]);
        assert!(asked_late().await, "it is still silent");
        signs.note();
        advance(SILENCE_MAX).await;
        assert!(!asked_late().await, "it has said something in between");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_always_held_up_waits_for_no_dead_peer_for_ever() {
        let signs = LifeSigns::new();
        advance(SILENCE_MAX).await;
        let mut ended = pin!(signs.ended());
        for _ in 0..HELD_UP_TIMES {
            assert!(poll!(&mut ended).is_pending());
            advance(GRACE + 2 * HELD_UP).await;
        }
        assert!(poll!(&mut ended).is_ready());
    }
}
