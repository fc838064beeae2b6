//! Who is here and which groups are watched for them: devices by number, users by id, rooms by group. A room, and the
//! follower that reads its group's sequence, exist exactly as long as a member of the group has a socket here. Owns
//! these three tables.
//!
//! Locks are taken in one order: the rooms' table, a room, a user, an outbox; none is held while anything is awaited.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use chatroom_kit::{
    auth::Verifier,
    bus::Bus,
    ids::{GroupId, UserId},
};
use chatroom_proto::message::v1::Conversation;
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    clock::Beats,
    device::Device,
    figures::Figures,
    follower,
    frame::Close,
    presence::Presence,
    room::{Outdated, Room},
    source::Source,
    user::User,
};

/// Who is here, and what is watched for them.
pub(crate) struct Hub {
    rooms: Mutex<HashMap<GroupId, Arc<Room>>>,
    users: Mutex<HashMap<UserId, Arc<User>>>,
    devices: Mutex<HashMap<u32, Arc<Device>>>,
    next_device: AtomicU32,
    pub(super) source: Source,
    pub(super) bus: Bus,
    pub(super) verifier: Verifier,
    pub(super) beats: Beats,
    pub(super) figures: Figures,
    pub(super) presence: Presence,
    /// There is a room that should be looked at before its turn.
    pub(super) hurry: Notify,
    /// The sockets' tasks.
    pub(super) sockets: TaskTracker,
    /// Fires when the process is about to end.
    pub(super) stop: CancellationToken,
    /// Fires once every socket is gone.
    pub(super) drained: CancellationToken,
}

impl Hub {
    pub(super) fn new(source: Source, bus: Bus, verifier: Verifier, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self {
            rooms: Mutex::default(),
            users: Mutex::default(),
            devices: Mutex::default(),
            next_device: AtomicU32::new(1),
            source,
            presence: Presence::new(bus.clone()),
            bus,
            verifier,
            beats: Beats::default(),
            figures: Figures::new(),
            hurry: Notify::new(),
            sockets: TaskTracker::new(),
            stop,
            drained: CancellationToken::new(),
        })
    }

    /// A new socket, a stranger's still.
    pub(super) fn open(&self) -> Arc<Device> {
        let number = self.next_device.fetch_add(1, Ordering::Relaxed);
        let device = Arc::new(Device::new(number, self.beats.now()));
        locked(&self.devices).insert(number, device.clone());
        self.figures.opened();
        device
    }

    /// A socket is gone.
    pub(super) fn close(&self, device: &Device, user: Option<&Arc<User>>) {
        locked(&self.devices).remove(&device.number);
        self.figures.closed(device.outbox.closed().map(Close::code));
        // One that goes while its user is being taken in does not know them yet.
        let taken_in = || device.caller().and_then(|caller| self.user(&caller.id));
        if let Some(user) = user.cloned().or_else(taken_in) {
            self.leave(&user, device);
        }
    }

    /// Every socket.
    pub(super) fn devices(&self) -> Vec<Arc<Device>> {
        locked(&self.devices).values().cloned().collect()
    }

    /// Takes in a device of the user `id`.
    pub(super) fn enter(&self, id: UserId, device: &Arc<Device>) -> Arc<User> {
        let mut users = locked(&self.users);
        let user = users.entry(id).or_insert_with(|| User::new(id)).clone();
        if user.enter(device) {
            return user;
        }
        // The last device has just gone, and its task is about to take the entry away.
        let user = User::new(id);
        user.enter(device);
        users.insert(id, user.clone());
        user
    }

    /// Lets a device of a user go, and with the last one the user.
    pub(super) fn leave(&self, user: &Arc<User>, device: &Device) {
        let Some(rooms) = user.leave(device) else {
            return;
        };
        if let Entry::Occupied(entry) = locked(&self.users).entry(user.id)
            && Arc::ptr_eq(entry.get(), user)
        {
            entry.remove();
        }
        for room in rooms.into_values() {
            if room.detach(user) {
                self.close_if_empty(&room);
            }
        }
    }

    /// Somebody who has sockets here.
    pub(super) fn user(&self, id: &UserId) -> Option<Arc<User>> {
        locked(&self.users).get(id).cloned()
    }

    /// Everybody who has sockets here.
    pub(super) fn users(&self) -> Vec<Arc<User>> {
        locked(&self.users).values().cloned().collect()
    }

    /// The room of a group, where it is watched.
    pub(super) fn room(&self, group: GroupId) -> Option<Arc<Room>> {
        locked(&self.rooms).get(&group).cloned()
    }

    /// Every room.
    pub(super) fn rooms(&self) -> Vec<Arc<Room>> {
        locked(&self.rooms).values().cloned().collect()
    }

    /// Lets a user, who was a member when the head stood at `head`, hear a group from now on; `from` is where its
    /// sequence is read from if nobody has watched it. Answers the place after which they hear everything.
    pub(super) fn attach(
        self: &Arc<Self>,
        user: &Arc<User>,
        group: GroupId,
        epoch: &str,
        head: i64,
        from: i64,
    ) -> Result<i64, Outdated> {
        let mut rooms = locked(&self.rooms);
        let room = rooms.entry(group).or_insert_with(|| self.follow(Room::new(group, epoch, from)));
        let attached = room.attach(user, head);
        let room = room.clone();
        drop(rooms);
        // The user may have gone meanwhile.
        self.close_if_empty(&room);
        attached
    }

    fn follow(self: &Arc<Self>, room: Arc<Room>) -> Arc<Room> {
        let follower = tokio::spawn(follower::follow(self.clone(), room.clone()));
        room.followed_by(follower.abort_handle());
        self.figures.watches(1);
        room
    }

    /// Ends a room in which nobody is.
    pub(super) fn close_if_empty(&self, room: &Arc<Room>) {
        let mut rooms = locked(&self.rooms);
        if let Entry::Occupied(entry) = rooms.entry(room.group)
            && Arc::ptr_eq(entry.get(), room)
            && room.is_empty()
        {
            entry.remove();
            room.end();
            self.figures.watches(-1);
        }
    }

    /// Lets a user hear all of their groups, as a list of them shows these. Answers for each the place after which they
    /// do; nothing for one that they have left since.
    pub(super) fn attach_all(self: &Arc<Self>, user: &Arc<User>, listed: &[Conversation]) -> Vec<Option<i64>> {
        let attached = listed.iter().map(|conversation| {
            let group = conversation.group.as_ref()?.id.parse().ok()?;
            let head = conversation.head_seq;
            self.attach(user, group, &conversation.epoch, head, head).ok()
        });
        attached.collect()
    }

    /// Has a room whose hints come from now on looked at, for what came before them.
    pub(super) fn listens(&self, room: &Room) {
        room.listens();
        self.hurry.notify_one();
    }
}

/// Nothing is left half-done under a lock, so a panic elsewhere does not spoil it.
fn locked<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
