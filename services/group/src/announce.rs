//! Telling whoever listens on the bus what has been stored. Only ever after the commit, and only a hint: a gateway that
//! misses it finds out from the sequence itself.

use std::sync::Arc;

use chatroom_kit::{
    bus::{Bus, Subject},
    ids::{GroupId, UserId},
};
use chatroom_proto::message::v1::{GroupHint, ReadHint, UserHint, user_hint::Hint};
use prost::Message as _;
use tokio::sync::Notify;

use crate::{
    domain::{Event, ReadCursor},
    rpc::encode,
};

/// Events travel along with their hint up to this size in bytes: far below what NATS carries (1 MiB), and enough for
/// hundreds of ordinary messages.
const HINT_MAX: usize = 64 << 10;

/// Publishes hints.
#[derive(Clone, Debug)]
pub(crate) struct Announcer {
    bus: Bus,
    stored: [Arc<Notify>; 2],
}

impl Announcer {
    /// Publishes on `bus`, and notifies those of this process that wait for events.
    pub(crate) fn new(bus: Bus, stored: [Arc<Notify>; 2]) -> Self {
        Self { bus, stored }
    }

    /// A group has moved on by these events, which follow each other.
    pub(crate) fn events(&self, events: Vec<Event>) {
        let Some(last) = events.last() else {
            return;
        };
        for waiting in &self.stored {
            waiting.notify_one();
        }
        let group = last.group;
        let mut hint = GroupHint {
            group: group.to_string(),
            epoch: last.epoch.clone(),
            head_seq: last.seq,
            events: events.into_iter().map(encode::event).collect(),
        };
        if hint.encoded_len() > HINT_MAX {
            hint.events.clear();
        }
        self.bus.publish(Subject::Group(group), hint.encode_to_vec().into());
    }

    /// Someone has read.
    pub(crate) fn read(&self, user: UserId, group: GroupId, cursor: ReadCursor) {
        let read = ReadHint { group: group.to_string(), read_seq: cursor.seq, unread: cursor.unread };
        self.user(user, Hint::Read(read));
    }

    /// Someone is in a group now.
    pub(crate) fn joined(&self, user: UserId, group: GroupId) {
        self.user(user, Hint::Joined(group.to_string()));
    }

    fn user(&self, user: UserId, hint: Hint) {
        let hint = UserHint { hint: Some(hint) };
        self.bus.publish(Subject::User(user), hint.encode_to_vec().into());
    }
}
