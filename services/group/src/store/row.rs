//! Rows as the statements answer them, and how they become domain values.

use chatroom_kit::ids::{GroupId, MerchantId, UserId};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use crate::domain::{
    Attachment, Content, Group, GroupKind, Kind, Member, MemberId, Mentions, Message, MessageId, Reply, Role, Sender,
};

/// The columns of a [`GroupRow`], from `chat_group g`.
macro_rules! group_columns {
    () => {
        "g.id, g.kind, g.user_id, g.merchant_id, g.name, g.icon, g.member_count, g.muted, g.dismissed_at, g.version,
        g.created_at, g.updated_at"
    };
}
pub(super) use group_columns;

/// The columns of a [`MemberRow`], from `member m`.
macro_rules! member_columns {
    () => {
        "m.id as member_id, m.group_id, m.user_id as member_user_id, m.role, m.mute_until, m.version as member_version,
        m.created_at as joined_at, m.updated_at as member_updated_at"
    };
}
pub(super) use member_columns;

/// The columns of a [`MessageRow`], and where they come from but for a condition: `message t` with the message that it
/// answers. `$source` is what `t` is joined to, or nothing.
macro_rules! select_messages {
    ($source:literal, $rest:literal) => {
        concat!(
            "select t.id, t.group_id, t.seq, t.sender, t.client_id, t.kind, t.body, t.mentions, t.edited_at, t.version,
                t.created_at, t.updated_at, r.id as reply_id, r.seq as reply_seq, r.sender as reply_sender,
                r.kind as reply_kind,
                case when r.kind in (0, 3) then substr(r.body, 1, 200) else r.body end as reply_body
            from ",
            $source,
            " message t left join message r on r.group_id = t.group_id and r.seq = t.reply_seq ",
            $rest
        )
    };
}
pub(super) use select_messages;

/// A group.
#[derive(FromRow)]
pub(super) struct GroupRow {
    id: GroupId,
    kind: i32,
    user_id: UserId,
    merchant_id: MerchantId,
    name: String,
    icon: String,
    member_count: i32,
    muted: bool,
    dismissed_at: Option<DateTime<Utc>>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl GroupRow {
    pub(super) fn id(&self) -> GroupId {
        self.id
    }
}

impl TryFrom<GroupRow> for Group {
    type Error = sqlx::Error;

    fn try_from(row: GroupRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            kind: GroupKind::from_number(row.kind).ok_or_else(|| unreadable("a group's kind"))?,
            user: row.user_id,
            merchant: row.merchant_id,
            name: row.name,
            icon: row.icon,
            member_count: row.member_count,
            muted: row.muted,
            dismissed_at: row.dismissed_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A membership.
#[derive(FromRow)]
pub(super) struct MemberRow {
    member_id: MemberId,
    group_id: GroupId,
    member_user_id: UserId,
    role: i32,
    mute_until: Option<DateTime<Utc>>,
    member_version: i32,
    joined_at: DateTime<Utc>,
    member_updated_at: DateTime<Utc>,
}

impl TryFrom<MemberRow> for Member {
    type Error = sqlx::Error;

    fn try_from(row: MemberRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.member_id,
            group: row.group_id,
            user: row.member_user_id,
            role: role(row.role)?,
            mute_until: row.mute_until,
            version: row.member_version,
            created_at: row.joined_at,
            updated_at: row.member_updated_at,
        })
    }
}

pub(super) fn role(number: i32) -> Result<Role, sqlx::Error> {
    Role::from_number(number).ok_or_else(|| unreadable("a role"))
}

/// A message and the one it answers.
#[derive(FromRow)]
pub(super) struct MessageRow {
    id: MessageId,
    group_id: GroupId,
    seq: i64,
    sender: String,
    client_id: String,
    kind: i32,
    body: Option<String>,
    mentions: Option<String>,
    edited_at: Option<DateTime<Utc>>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    reply_id: Option<MessageId>,
    reply_seq: Option<i64>,
    reply_sender: Option<String>,
    reply_kind: Option<i32>,
    reply_body: Option<String>,
}

impl TryFrom<MessageRow> for Message {
    type Error = sqlx::Error;

    fn try_from(row: MessageRow) -> Result<Self, sqlx::Error> {
        let kind = kind(row.kind)?;
        let reply_to = match (row.reply_id, row.reply_seq, row.reply_sender, row.reply_kind) {
            (Some(id), Some(seq), Some(sender), Some(kind)) => {
                Some(ReplyRow { id, seq, sender, kind, body: row.reply_body }.try_into()?)
            }
            _ => None,
        };
        Ok(Self {
            id: row.id,
            group: row.group_id,
            seq: row.seq,
            sender: sender(&row.sender)?,
            client_id: row.client_id,
            kind,
            content: content(kind, row.body)?,
            reply_to,
            mentions: mentions(row.mentions.as_deref())?,
            edited_at: row.edited_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A message that another one answers.
#[derive(FromRow)]
pub(super) struct ReplyRow {
    pub(super) id: MessageId,
    pub(super) seq: i64,
    pub(super) sender: String,
    pub(super) kind: i32,
    pub(super) body: Option<String>,
}

impl TryFrom<ReplyRow> for Reply {
    type Error = sqlx::Error;

    fn try_from(row: ReplyRow) -> Result<Self, sqlx::Error> {
        let kind = kind(row.kind)?;
        Ok(Self { id: row.id, seq: row.seq, sender: sender(&row.sender)?, kind, content: content(kind, row.body)? })
    }
}

/// What a message says, as it is stored: words as they are, anything else as JSON.
pub(super) fn body(content: &Content) -> Result<String, sqlx::Error> {
    match content {
        Content::Text(text) | Content::System(text) => Ok(text.clone()),
        Content::Image(attachment) | Content::File(attachment) => json(attachment),
    }
}

fn content(kind: Kind, body: Option<String>) -> Result<Option<Content>, sqlx::Error> {
    let attachment = |body: &str| -> Result<Attachment, sqlx::Error> {
        serde_json::from_str(body).map_err(|_| unreadable("an attachment"))
    };
    body.map(|body| {
        Ok(match kind {
            Kind::Text => Content::Text(body),
            Kind::System => Content::System(body),
            Kind::Image => Content::Image(attachment(&body)?),
            Kind::File => Content::File(attachment(&body)?),
        })
    })
    .transpose()
}

fn kind(number: i32) -> Result<Kind, sqlx::Error> {
    Kind::from_number(number).ok_or_else(|| unreadable("a message's kind"))
}

fn sender(text: &str) -> Result<Sender, sqlx::Error> {
    Sender::parse(text).ok_or_else(|| unreadable("a sender"))
}

fn mentions(text: Option<&str>) -> Result<Mentions, sqlx::Error> {
    let Some(text) = text else {
        return Ok(Mentions::default());
    };
    let names: Vec<String> = serde_json::from_str(text).map_err(|_| unreadable("mentions"))?;
    Mentions::parse(&names).map_err(|_| unreadable("mentions"))
}

/// Several values as one parameter.
pub(super) fn json(value: &impl serde::Serialize) -> Result<String, sqlx::Error> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// What stands in a row is not what this release writes.
pub(super) fn unreadable(what: &str) -> sqlx::Error {
    sqlx::Error::Decode(format!("{what} is unreadable").into())
}

/// Rows as domain values.
pub(super) fn all<R, T: TryFrom<R, Error = sqlx::Error>>(rows: Vec<R>) -> Result<Vec<T>, sqlx::Error> {
    rows.into_iter().map(TryInto::try_into).collect()
}
