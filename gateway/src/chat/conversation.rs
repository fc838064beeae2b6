//! A conversation in someone's list, as they see it.

use chatroom_proto::message::v1 as proto;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    group::Group,
    member::rank,
    message::{self, Message},
    people::People,
};
use crate::value::Time;

/// A group as one of its members sees it in their list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Conversation<'a> {
    group: Group<'a>,
    /// As it is now; null where nothing has been said.
    last_message: Option<Message<'a>>,
    /// The last place in the group's sequence.
    #[schema(minimum = 0, example = 121)]
    head_seq: i64,
    /// The caller has read everything up to this place.
    #[schema(minimum = 0, example = 118)]
    read_seq: i64,
    /// How many messages of others stand after it.
    #[schema(minimum = 0, example = 3)]
    unread: i64,
    /// Renewed only when the server's database was restored: whoever knew another one reads anew.
    #[schema(example = "64e313309054f1bdf19707c2")]
    epoch: &'a str,
    /// The caller's role in the group: 2 the owner, 1 an admin, 0 anybody else.
    role: u8,
    /// Until when the caller may not speak, which may have passed; null where they may.
    mute_until: Option<Time>,
}

impl<'a> Conversation<'a> {
    /// The conversation, with its people taken from `people`. None where a part is missing, which a service never lets
    /// happen.
    pub(crate) fn of(conversation: &'a proto::Conversation, people: &'a People) -> Option<Self> {
        let member = conversation.member.as_ref()?;
        Some(Self {
            group: conversation.group.as_ref()?.into(),
            last_message: conversation.last_message.as_ref().map(|message| Message::of(message, people)),
            head_seq: conversation.head_seq,
            read_seq: conversation.read_seq,
            unread: conversation.unread,
            epoch: &conversation.epoch,
            role: rank(member.role()),
            mute_until: member.mute_until.map(Time::from),
        })
    }
}

/// Whom a conversation shows, by id.
pub(crate) fn people(conversation: &proto::Conversation) -> impl Iterator<Item = &str> {
    conversation.last_message.iter().flat_map(message::people)
}
