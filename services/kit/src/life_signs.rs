//! When a peer was last heard of, and the end of waiting for one that has fallen silent. A deadline alone would have to
//! choose between patience with the slow and haste with the dead; this tells them apart. Knows no protocol.

use std::{
    sync::{Mutex, PoisonError},
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

/// The signs of life of one peer.
#[derive(Debug)]
pub(crate) struct LifeSigns {
    last: Mutex<Instant>,
}

impl Clone for LifeSigns {
    /// Those of a peer that was last heard of when this one was.
    fn clone(&self) -> Self {
        Self { last: Mutex::new(self.last()) }
    }
}

impl LifeSigns {
    /// Those of a peer that is taken to live now.
    pub(crate) fn new() -> Self {
        Self { last: Mutex::new(Instant::now()) }
    }

    /// Notes that the peer has said something.
    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether the peer has been silent for too long, where whoever waited for it was to be woken at `due`.
    pub(crate) fn have_ended(&self, due: Instant) -> bool {
        !held_up(due) && self.silent_at() <= Instant::now()
    }

    /// Waits until the peer has been silent for too long.
    pub(crate) async fn ended(&self) {
        let mut due = Instant::now() + GRACE;
        loop {
            sleep_until(due).await;
            if held_up(due) {
                due = Instant::now() + GRACE;
                continue;
            }
            let silent_at = self.silent_at();
            if silent_at <= due {
                return;
            }
            due = silent_at;
        }
    }

    fn silent_at(&self) -> Instant {
        self.last() + SILENCE_MAX
    }

    fn last(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this process, to be woken at `due`, was held up itself.
fn held_up(due: Instant) -> bool {
    due.elapsed() > HELD_UP
}

#[cfg(test)]
mod tests {
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
}
