//! Time for all sockets at once: one round a second pings those whose turn it is and closes those whose time is over.
//! No socket has a timer. Owns the times.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chatroom_kit::ids::UserId;
use tokio::{
    task::yield_now,
    time::{Instant, Interval, MissedTickBehavior, interval_at},
};

use super::{device::Device, frame::Close, hub::Hub, reply};

/// Seconds since the gateway began to serve.
pub(super) type Second = u32;

const SECOND: Duration = Duration::from_secs(1);
/// How often a socket is pinged.
pub(super) const PING_EVERY: Second = 25;
/// How long a peer may say nothing: it has been pinged twice by then. With [`CLOSING`] less than a minute.
const SILENCE_MAX: Second = 51;
/// How long a socket may be a stranger's.
const STRANGER_MAX: Second = 10;
/// How long a peer may take to read that it is being closed.
const CLOSING: Second = 5;
/// How often it is looked whether a token is good still.
const VERIFY_EVERY: Second = 5;
/// How long ago a group may have moved on to be named in a ping: each is in two, should one be read too late.
const MOVED: Second = 2 * PING_EVERY;
/// How many groups a ping names.
const HEADS_MAX: usize = 200;

/// The second that it is.
#[derive(Debug, Default)]
pub(super) struct Beats(AtomicU32);

impl Beats {
    /// Seconds since the gateway began to serve.
    pub(super) fn now(&self) -> Second {
        self.0.load(Ordering::Relaxed)
    }
}

/// Ticks every second, and makes up for those that it is late for: were a second left out, all whose turn it is would be
/// looked after half as often.
fn seconds() -> Interval {
    let mut ticks = interval_at(Instant::now() + SECOND, SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    ticks
}

/// Makes a round every second until nobody is left to end.
pub(super) async fn run(hub: Arc<Hub>) {
    let mut ticks = seconds();
    for second in 1.. {
        ticks.tick().await;
        hub.beats.0.store(second, Ordering::Relaxed);
        for device in hub.devices() {
            hub.look_after(&device, second);
        }
        hub.presence.round(&hub, second);
        // After a standstill rounds follow each other at once, and what one has closed has to be told before the next.
        yield_now().await;
    }
}

impl Hub {
    fn look_after(&self, device: &Device, now: Second) {
        if device.outbox.closed().is_some() {
            if device.closing_for(now) >= CLOSING {
                device.outbox.cut();
            }
            return;
        }
        if device.silent_for(now) >= SILENCE_MAX {
            device.outbox.close(None, Close::Policy);
            return;
        }
        let Some(caller) = device.caller() else {
            if device.open_for(now) >= STRANGER_MAX {
                device.outbox.close(None, Close::Policy);
            }
            return;
        };
        let turn = now.wrapping_add(device.number);
        if turn.is_multiple_of(VERIFY_EVERY) && self.verifier.verify(caller.token()).is_err() {
            device.outbox.close(None, Close::SignedOut);
        } else if turn.is_multiple_of(PING_EVERY) {
            // One that is too full for a ping is too slow, and has been closed.
            let _ = device.outbox.push(&reply::ping(&self.heads(caller.id, now)));
        }
    }

    /// Where the groups stand that have moved on lately, of those that a user is in.
    fn heads(&self, user: UserId, now: Second) -> Vec<(String, i64)> {
        let rooms = self.user(&user).map(|user| user.rooms()).unwrap_or_default();
        let moved = rooms.iter().filter(|room| room.moved() > 0 && now.saturating_sub(room.moved()) <= MOVED);
        moved.take(HEADS_MAX).map(|room| (room.group.to_string(), room.position())).collect()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_second_is_left_out() {
        let begun = Instant::now();
        let mut ticks = seconds();
        for second in 1..100 {
            advance(if second == 50 { 5 * SECOND } else { SECOND + SECOND / 50 }).await;
            assert_eq!(ticks.tick().await, begun + second * SECOND);
        }
    }
}
