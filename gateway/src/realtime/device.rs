//! One socket as everybody but its own task knows it: a device of somebody, or of a stranger still. Owns what is known
//! of it; reading and writing are `socket.rs`'s.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU32, Ordering},
};

use chatroom_kit::{auth::Caller, ids::GroupId};

use super::{clock::Second, outbox::Outbox};

/// How many groups a device may watch; the one it has watched for longest makes room.
const WATCHED_MAX: usize = 20;

/// A socket.
#[derive(Debug)]
pub(super) struct Device {
    /// Unlike any other's of this process.
    pub(super) number: u32,
    /// What waits to leave on it.
    pub(super) outbox: Outbox,
    opened: Second,
    heard: AtomicU32,
    /// When it was found to be closing; 0 while it is not.
    closing: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    caller: Option<Arc<Caller>>,
    watching: Vec<GroupId>,
    /// The cursor that the device itself has moved last; no place in it while that is under way.
    reading: Option<(GroupId, Option<i64>)>,
    typed: Second,
}

impl Device {
    pub(super) fn new(number: u32, now: Second) -> Self {
        Self {
            number,
            outbox: Outbox::default(),
            opened: now,
            heard: AtomicU32::new(now),
            closing: AtomicU32::new(0),
            state: Mutex::default(),
        }
    }

    /// Something has come from it.
    pub(super) fn hear(&self, now: Second) {
        self.heard.store(now, Ordering::Relaxed);
    }

    /// For how long nothing has come.
    pub(super) fn silent_for(&self, now: Second) -> u32 {
        now.saturating_sub(self.heard.load(Ordering::Relaxed))
    }

    /// How long it has been open.
    pub(super) fn open_for(&self, now: Second) -> u32 {
        now.saturating_sub(self.opened)
    }

    /// For how long it has been closing, as far as anybody has looked.
    pub(super) fn closing_for(&self, now: Second) -> u32 {
        let since = self.closing.compare_exchange(0, now.max(1), Ordering::Relaxed, Ordering::Relaxed);
        since.map_or_else(|since| now.saturating_sub(since), |_| 0)
    }

    /// Whose it is; nothing while it is a stranger's.
    pub(super) fn caller(&self) -> Option<Arc<Caller>> {
        self.state().caller.clone()
    }

    /// Says whose it is.
    pub(super) fn sign_in(&self, caller: Option<Arc<Caller>>) {
        self.state().caller = caller;
    }

    /// Begins to watch a group; answers the one that makes room for it.
    pub(super) fn watch(&self, group: GroupId) -> Option<GroupId> {
        let mut state = self.state();
        if state.watching.contains(&group) {
            return None;
        }
        let full = state.watching.len() >= WATCHED_MAX;
        let dropped = full.then(|| state.watching.remove(0));
        state.watching.push(group);
        dropped
    }

    /// Watches a group no longer.
    pub(super) fn unwatch(&self, group: GroupId) {
        self.state().watching.retain(|watched| *watched != group);
    }

    /// What it watches.
    pub(super) fn watching(&self) -> Vec<GroupId> {
        self.state().watching.clone()
    }

    /// It moves its user's cursor in a group: to where is known once that is done.
    pub(super) fn reads(&self, group: GroupId, seq: Option<i64>) {
        self.state().reading = Some((group, seq));
    }

    /// Whether it has moved the cursor itself, and so need not be told.
    pub(super) fn has_read(&self, group: GroupId, seq: i64) -> bool {
        matches!(self.state().reading, Some((read, to)) if read == group && to.is_none_or(|to| to == seq))
    }

    /// Whether it may say now that its user is typing: once a second.
    pub(super) fn may_type(&self, now: Second) -> bool {
        let mut state = self.state();
        let may = state.typed != now;
        state.typed = now;
        may
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
