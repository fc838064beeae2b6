//! What is posted: the events of a group as the H5 API shows them, but with people by their ids only.

use chatroom_kit::ids::UserId;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Serialize, Serializer};

use crate::domain::{self, Content, Delivery, Kind, Sender};

/// How many bytes one request carries before it leaves the rest to the next; the first event in any case.
const BODY_MAX: usize = 256 << 10;

/// A body, and the last place in the sequence that it tells of.
pub(super) struct Payload {
    pub(super) body: Vec<u8>,
    pub(super) last: i64,
}

impl Payload {
    /// As many of the events, which follow each other, as fit into one request. Nothing where there is none.
    pub(super) fn of(delivery: &Delivery, events: &[domain::Event]) -> Result<Option<Self>, serde_json::Error> {
        let mut body = serde_json::to_vec(&Head {
            webhook: delivery.webhook.to_string(),
            merchant: delivery.merchant.to_string(),
            group: delivery.group.to_string(),
            epoch: &delivery.epoch,
        })?;
        // The events go where the head's bracket closes.
        body.pop();
        body.extend_from_slice(b",\"events\":[");
        let mut last = None;
        for event in events {
            let event_json = serde_json::to_vec(&Event::of(event))?;
            if last.is_some() && body.len() + event_json.len() > BODY_MAX {
                break;
            }
            if last.is_some() {
                body.push(b',');
            }
            body.extend_from_slice(&event_json);
            last = Some(event.seq);
        }
        body.extend_from_slice(b"]}");
        Ok(last.map(|last| Self { body, last }))
    }
}

#[derive(Serialize)]
struct Head<'a> {
    webhook: String,
    merchant: String,
    group: String,
    epoch: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    group: String,
    epoch: &'a str,
    seq: i64,
    created_at: Time,
    #[serde(flatten)]
    change: Change<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Change<'a> {
    Message { message: Message<'a> },
    Edited { message: Message<'a>, by: Person },
    Recalled { message: Message<'a>, by: Person },
    Joined { user: Person, role: i32 },
    Left { user: Person },
    Removed { user: Person, by: Person, ban: bool },
    Muted { user: Person, by: Person, until: Option<Time> },
    Role { user: Person, by: Person, role: i32 },
    GroupUpdated { by: Person, name: &'a str, icon: &'a str },
    GroupMuted { by: Person, muted: bool },
    Dismissed { by: Person },
}

/// A user by their id, or a service by its name.
#[derive(Serialize)]
struct Person {
    #[serde(rename = "_id")]
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(rename = "_id")]
    id: String,
    group: String,
    seq: i64,
    user: Person,
    client_id: &'a str,
    kind: &'static str,
    content: Option<Said<'a>>,
    reply_to: Option<Reply<'a>>,
    mentions: Vec<String>,
    recalled: bool,
    edited_at: Option<Time>,
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
}

#[derive(Serialize)]
struct Reply<'a> {
    #[serde(rename = "_id")]
    id: String,
    seq: i64,
    user: Person,
    kind: &'static str,
    content: Option<Said<'a>>,
    recalled: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Said<'a> {
    Words { text: &'a str },
    Attachment { path: &'a str, name: &'a str, size: i64, width: Option<i32>, height: Option<i32> },
}

/// UTC, ISO 8601 with milliseconds and `Z`.
struct Time(DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

impl<'a> Event<'a> {
    fn of(event: &'a domain::Event) -> Self {
        Self {
            group: event.group.to_string(),
            epoch: &event.epoch,
            seq: event.seq,
            created_at: Time(event.created_at),
            change: Change::of(&event.change),
        }
    }
}

impl<'a> Change<'a> {
    fn of(change: &'a domain::Change) -> Self {
        use domain::Change as Happened;
        match change {
            Happened::Message(message) => Self::Message { message: Message::of(message) },
            Happened::Edited { message, by } => Self::Edited { message: Message::of(message), by: user(*by) },
            Happened::Recalled { message, by } => Self::Recalled { message: Message::of(message), by: user(*by) },
            Happened::Joined { user: joined, role } => Self::Joined { user: user(*joined), role: role.number() },
            Happened::Left { user: left } => Self::Left { user: user(*left) },
            Happened::Removed { user: removed, by, ban } => {
                Self::Removed { user: user(*removed), by: user(*by), ban: *ban }
            }
            Happened::Muted { user: muted, by, until } => {
                Self::Muted { user: user(*muted), by: user(*by), until: until.map(Time) }
            }
            Happened::RoleSet { user: set, by, role } => {
                Self::Role { user: user(*set), by: user(*by), role: role.number() }
            }
            Happened::GroupUpdated { by, name, icon } => Self::GroupUpdated { by: user(*by), name, icon },
            Happened::GroupMuted { by, muted } => Self::GroupMuted { by: user(*by), muted: *muted },
            Happened::Dismissed { by } => Self::Dismissed { by: user(*by) },
        }
    }
}

impl<'a> Message<'a> {
    fn of(message: &'a domain::Message) -> Self {
        Self {
            id: message.id.to_string(),
            group: message.group.to_string(),
            seq: message.seq,
            user: sender(&message.sender),
            client_id: &message.client_id,
            kind: kind(message.kind),
            content: message.content.as_ref().map(said),
            reply_to: message.reply_to.as_ref().map(Reply::of),
            mentions: message.mentions.names(),
            recalled: message.content.is_none(),
            edited_at: message.edited_at.map(Time),
            version: message.version,
            created_at: Time(message.created_at),
            updated_at: Time(message.updated_at),
        }
    }
}

impl<'a> Reply<'a> {
    fn of(reply: &'a domain::Reply) -> Self {
        Self {
            id: reply.id.to_string(),
            seq: reply.seq,
            user: sender(&reply.sender),
            kind: kind(reply.kind),
            content: reply.content.as_ref().map(said),
            recalled: reply.content.is_none(),
        }
    }
}

fn user(id: UserId) -> Person {
    Person { id: id.to_string(), username: None }
}

fn sender(sender: &Sender) -> Person {
    match sender {
        Sender::User(id) => user(*id),
        Sender::Service(name) => Person { id: String::new(), username: Some(name.clone()) },
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "text",
        Kind::Image => "image",
        Kind::File => "file",
        Kind::System => "system",
    }
}

fn said(content: &Content) -> Said<'_> {
    match content {
        Content::Text(text) | Content::System(text) => Said::Words { text },
        Content::Image(file) | Content::File(file) => Said::Attachment {
            path: &file.path,
            name: &file.name,
            size: file.size,
            width: file.width,
            height: file.height,
        },
    }
}
