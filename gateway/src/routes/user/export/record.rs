//! Records as an export writes them, where no other route shows them so: nobody else's words and names are in them.

use chatroom_proto::{conduct::v1 as conduct, message::v1 as proto};
use serde::Serialize;

use crate::{
    chat::message::{Content, Kind, content},
    value::{Id, Time},
};

/// Somebody whom the caller wants to hear nothing of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Block<'a> {
    user: Id<'a>,
    created_at: Time,
}

impl<'a> From<&'a conduct::Block> for Block<'a> {
    fn from(block: &'a conduct::Block) -> Self {
        Self { user: Id(&block.user), created_at: block.create_time.into() }
    }
}

/// That there is no more.
#[derive(Serialize)]
pub(super) struct End {}

/// Something that the caller has said, as it is now.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    group: Id<'a>,
    seq: i64,
    client_id: &'a str,
    kind: Kind,
    /// Null where it was recalled, or has grown too old.
    content: Option<Content<'a>>,
    /// The id of the message that it answers.
    reply_to: Option<Id<'a>>,
    /// Ids of users, or `all`.
    mentions: Vec<&'a str>,
    edited_at: Option<Time>,
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

impl<'a> From<&'a proto::Message> for Message<'a> {
    fn from(message: &'a proto::Message) -> Self {
        let all = message.mention_all.then_some("all");
        Self {
            id: Id(&message.id),
            group: Id(&message.group),
            seq: message.seq,
            client_id: &message.client_id,
            kind: message.kind().into(),
            content: content(message.content.as_ref()),
            reply_to: message.reply_to.as_ref().map(|reply| Id(&reply.id)),
            mentions: all.into_iter().chain(message.mentions.iter().map(String::as_str)).collect(),
            edited_at: message.edit_time.map(Time::from),
            version: message.version,
            created_at: message.create_time.into(),
            updated_at: message.update_time.into(),
        }
    }
}
