//! An event of a group's sequence as clients see it, whether they fetch it or are told.

use chatroom_proto::message::v1::{self as proto, MessageChanged, event::Change as Happened};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    member::rank,
    message::{self, Message},
    people::{People, Person},
};
use crate::value::{Id, Time};

/// A change in a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event<'a> {
    group: Id<'a>,
    /// Renewed only when the server's database was restored: whoever knew another one reads anew.
    #[schema(example = "64e313309054f1bdf19707c2")]
    epoch: &'a str,
    /// Its place in the group's sequence.
    #[schema(minimum = 1, example = 121)]
    seq: i64,
    created_at: Time,
    #[serde(flatten)]
    change: Change<'a>,
}

/// What happened.
#[derive(Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Change<'a> {
    /// Something was said.
    Message { message: Message<'a> },
    /// A message was edited.
    Edited { message: Message<'a>, by: Person<'a> },
    /// A message was taken back.
    Recalled { message: Message<'a>, by: Person<'a> },
    /// Someone came.
    Joined { user: Person<'a>, role: u8 },
    /// Someone went.
    Left { user: Person<'a> },
    /// Someone was removed, with `ban` for good.
    Removed { user: Person<'a>, by: Person<'a>, ban: bool },
    /// Someone may not speak until then, or with null may again.
    Muted { user: Person<'a>, by: Person<'a>, until: Option<Time> },
    /// Someone has another role.
    Role { user: Person<'a>, by: Person<'a>, role: u8 },
    /// The group has another name or picture.
    GroupUpdated { by: Person<'a>, name: &'a str, icon: &'a str },
    /// Only owner and admins may speak, or everyone again.
    GroupMuted { by: Person<'a>, muted: bool },
    /// The group ended.
    Dismissed { by: Person<'a> },
    /// Something that this gateway is too old to know. It has its place in the sequence all the same.
    Unknown {},
}

impl<'a> Event<'a> {
    /// The event, with its people taken from `people`.
    pub(crate) fn of(event: &'a proto::Event, people: &'a People) -> Self {
        Self {
            group: Id(&event.group),
            epoch: &event.epoch,
            seq: event.seq,
            created_at: event.create_time.into(),
            change: event.change.as_ref().and_then(|change| Change::of(change, people)).unwrap_or(Change::Unknown {}),
        }
    }
}

impl<'a> Change<'a> {
    /// None where a message is missing, which a service never lets happen.
    fn of(change: &'a Happened, people: &'a People) -> Option<Self> {
        let person = |id: &'a str| people.person(id);
        let changed = |it: &'a MessageChanged| Some((Message::of(it.message.as_ref()?, people), person(&it.by)));
        Some(match change {
            Happened::Message(message) => Self::Message { message: Message::of(message, people) },
            Happened::Edited(it) => changed(it).map(|(message, by)| Self::Edited { message, by })?,
            Happened::Recalled(it) => changed(it).map(|(message, by)| Self::Recalled { message, by })?,
            Happened::Joined(it) => Self::Joined { user: person(&it.user), role: rank(it.role()) },
            Happened::Left(it) => Self::Left { user: person(&it.user) },
            Happened::Removed(it) => Self::Removed { user: person(&it.user), by: person(&it.by), ban: it.ban },
            Happened::Muted(it) => {
                Self::Muted { user: person(&it.user), by: person(&it.by), until: it.until.map(Time::from) }
            }
            Happened::Role(it) => Self::Role { user: person(&it.user), by: person(&it.by), role: rank(it.role()) },
            Happened::GroupUpdated(it) => Self::GroupUpdated { by: person(&it.by), name: &it.name, icon: &it.icon },
            Happened::GroupMuted(it) => Self::GroupMuted { by: person(&it.by), muted: it.muted },
            Happened::Dismissed(it) => Self::Dismissed { by: person(&it.by) },
        })
    }
}

/// Whom an event shows, by id.
pub(crate) fn people(event: &proto::Event) -> Vec<&str> {
    match &event.change {
        Some(Happened::Message(message)) => message::people(message).collect(),
        Some(Happened::Edited(it) | Happened::Recalled(it)) => {
            it.message.iter().flat_map(message::people).chain([it.by.as_str()]).collect()
        }
        Some(Happened::Joined(it)) => vec![&it.user],
        Some(Happened::Left(it)) => vec![&it.user],
        Some(Happened::Removed(it)) => vec![&it.user, &it.by],
        Some(Happened::Muted(it)) => vec![&it.user, &it.by],
        Some(Happened::Role(it)) => vec![&it.user, &it.by],
        Some(Happened::GroupUpdated(it)) => vec![&it.by],
        Some(Happened::GroupMuted(it)) => vec![&it.by],
        Some(Happened::Dismissed(it)) => vec![&it.by],
        None => Vec::new(),
    }
}
