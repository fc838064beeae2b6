//! A message as clients see it.

use chatroom_proto::message::v1::{self as proto, MessageKind, content::Content as Said};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::{People, Person};
use crate::value::{Id, Time};

/// A message as it is now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    group: Id<'a>,
    /// Its place in the group's sequence.
    #[schema(minimum = 1, example = 121)]
    seq: i64,
    /// Who sent it.
    user: Person<'a>,
    /// What its sender's client called it.
    #[schema(example = "6f1c2f0e-9f5d-4c7e-8f25-0a3a4f0b7d11")]
    client_id: &'a str,
    kind: Kind,
    /// Null once it was recalled.
    content: Option<Content<'a>>,
    /// The message that it answers, as that one is now.
    reply_to: Option<Reply<'a>>,
    /// Whom it mentions: ids of users, or `all`.
    mentions: Vec<&'a str>,
    recalled: bool,
    /// When it was last edited; null where it was not.
    edited_at: Option<Time>,
    /// How often it has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

/// What sort of message it is; known also of one that was recalled.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Any other file.
    File,
    /// Words of a service.
    System,
}

/// What a message says.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Content<'a> {
    Text(Text<'a>),
    Attachment(Attachment<'a>),
}

/// What a message of the kind `text` or `system` says.
#[derive(Serialize, ToSchema)]
pub(crate) struct Text<'a> {
    #[schema(example = "你好")]
    text: &'a str,
}

/// What a message of the kind `image` or `file` shows.
#[derive(Serialize, ToSchema)]
pub(crate) struct Attachment<'a> {
    /// As the upload answered it.
    #[schema(example = "/upload/20230821/7e23cd7207e15d29589565701.png")]
    path: &'a str,
    /// What its sender calls it.
    #[schema(example = "猫.png")]
    name: &'a str,
    /// In bytes.
    size: i64,
    /// In pixels; null where the sender did not say.
    width: Option<i32>,
    /// In pixels; null where the sender did not say.
    height: Option<i32>,
}

/// A message that another one answers, as it is now.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reply<'a> {
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// Its place in the group's sequence.
    #[schema(minimum = 1, example = 120)]
    seq: i64,
    /// Who sent it.
    user: Person<'a>,
    kind: Kind,
    /// Its words cut to their first 200 characters; null once it was recalled.
    content: Option<Content<'a>>,
    recalled: bool,
}

impl<'a> Message<'a> {
    /// The message, with its people taken from `people`.
    pub(crate) fn of(message: &'a proto::Message, people: &'a People) -> Self {
        let all = message.mention_all.then_some("all");
        Self {
            id: Id(&message.id),
            group: Id(&message.group),
            seq: message.seq,
            user: people.sender(&message.user, &message.service),
            client_id: &message.client_id,
            kind: message.kind().into(),
            content: content(message.content.as_ref()),
            reply_to: message.reply_to.as_ref().map(|reply| Reply::of(reply, people)),
            mentions: all.into_iter().chain(message.mentions.iter().map(String::as_str)).collect(),
            recalled: message.content.is_none(),
            edited_at: message.edit_time.map(Time::from),
            version: message.version,
            created_at: message.create_time.into(),
            updated_at: message.update_time.into(),
        }
    }
}

impl<'a> Reply<'a> {
    fn of(reply: &'a proto::Reply, people: &'a People) -> Self {
        Self {
            id: Id(&reply.id),
            seq: reply.seq,
            user: people.sender(&reply.user, &reply.service),
            kind: reply.kind().into(),
            content: content(reply.content.as_ref()),
            recalled: reply.content.is_none(),
        }
    }
}

impl From<MessageKind> for Kind {
    fn from(kind: MessageKind) -> Self {
        match kind {
            // A service never says nothing of it.
            MessageKind::Text | MessageKind::Unspecified => Self::Text,
            MessageKind::Image => Self::Image,
            MessageKind::File => Self::File,
            MessageKind::System => Self::System,
        }
    }
}

/// What is said.
pub(crate) fn content(content: Option<&proto::Content>) -> Option<Content<'_>> {
    Some(match content?.content.as_ref()? {
        Said::Text(text) | Said::System(text) => Content::Text(Text { text }),
        Said::Image(file) | Said::File(file) => Content::Attachment(Attachment {
            path: &file.path,
            name: &file.name,
            size: file.size,
            width: file.width,
            height: file.height,
        }),
    })
}

/// Whom a message shows, by id.
pub(crate) fn people(message: &proto::Message) -> impl Iterator<Item = &str> {
    let answered = message.reply_to.as_ref().map(|reply| reply.user.as_str());
    answered.into_iter().chain([message.user.as_str()])
}
