//! Somebody who has sockets here: their devices, and the rooms they are in. Owns no membership, which is the rooms'.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use chatroom_kit::{
    auth::Caller,
    ids::{GroupId, UserId},
};

use super::{device::Device, frame::Close, room::Room};

/// How many sockets a user may have.
const DEVICES_MAX: usize = 10;

/// Somebody who has sockets here.
#[derive(Debug)]
pub(super) struct User {
    pub(super) id: UserId,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    devices: Vec<Arc<Device>>,
    /// Those of them that have been told where their groups stand, the oldest first.
    connected: VecDeque<Arc<Device>>,
    rooms: HashMap<GroupId, Arc<Room>>,
    /// The last device has gone: whoever comes back is somebody new.
    gone: bool,
}

/// What became of something that was sent to all of a user's devices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    /// How many it leaves on.
    pub(super) deliveries: u64,
    /// How many were too slow for it.
    pub(super) dropped: u64,
}

impl User {
    pub(super) fn new(id: UserId) -> Arc<Self> {
        Arc::new(Self { id, state: Mutex::default() })
    }

    /// Takes in a device. False where the user has gone meanwhile.
    pub(super) fn enter(&self, device: &Arc<Device>) -> bool {
        let mut state = self.state();
        if state.gone {
            return false;
        }
        state.devices.push(device.clone());
        true
    }

    /// Takes note that a device is connected; one too many closes the oldest.
    pub(super) fn connected(&self, device: &Arc<Device>) {
        let mut state = self.state();
        if device.outbox.closed().is_some() {
            return;
        }
        // Those that are closing already need not make room.
        state.connected.retain(|other| other.outbox.closed().is_none());
        state.connected.push_back(device.clone());
        if state.connected.len() > DEVICES_MAX
            && let Some(oldest) = state.connected.pop_front()
        {
            oldest.outbox.close(None, Close::Replaced);
            state.devices.retain(|other| other.number != oldest.number);
        }
    }

    /// Lets a device go. Answers, where it was the last one, the rooms that the user is in.
    pub(super) fn leave(&self, device: &Device) -> Option<HashMap<GroupId, Arc<Room>>> {
        let mut state = self.state();
        state.devices.retain(|other| other.number != device.number);
        state.connected.retain(|other| other.number != device.number);
        if state.gone || !state.devices.is_empty() {
            return None;
        }
        state.gone = true;
        Some(std::mem::take(&mut state.rooms))
    }

    /// Remembers that the user is in a room. False where they have gone.
    pub(super) fn remember(&self, room: &Arc<Room>) -> bool {
        let mut state = self.state();
        if !state.gone {
            state.rooms.insert(room.group, room.clone());
        }
        !state.gone
    }

    /// Forgets a room.
    pub(super) fn forget(&self, group: GroupId) {
        self.state().rooms.remove(&group);
    }

    /// The room of a group, where the user is in it.
    pub(super) fn room(&self, group: GroupId) -> Option<Arc<Room>> {
        self.state().rooms.get(&group).cloned()
    }

    /// The rooms that the user is in.
    pub(super) fn rooms(&self) -> Vec<Arc<Room>> {
        self.state().rooms.values().cloned().collect()
    }

    /// Somebody in whose name this user's groups can be asked for.
    pub(super) fn caller(&self) -> Option<Arc<Caller>> {
        self.state().devices.iter().find_map(|device| device.caller())
    }

    /// Sends something to every device.
    pub(super) fn send(&self, piece: &Bytes) -> Sent {
        self.send_where(piece, |_| true)
    }

    /// Sends something to some devices.
    pub(super) fn send_where(&self, piece: &Bytes, wanted: impl Fn(&Device) -> bool) -> Sent {
        let mut sent = Sent::default();
        for device in self.state().devices.iter().filter(|device| wanted(device)) {
            match device.outbox.push(piece) {
                Ok(()) => sent.deliveries += 1,
                Err(_) => sent.dropped += 1,
            }
        }
        sent
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
