//! Events in the database. A message is referred to by its place and resolved when the event is read.

use std::collections::HashMap;

use chatroom_kit::{
    db::Transaction,
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{
    Store,
    row::{json, role, unreadable},
};
use crate::domain::{Change, Event, Message};

/// What `send.rs` writes, many at once.
const MESSAGE: i32 = 0;
const EDITED: i32 = 1;
const RECALLED: i32 = 2;
const JOINED: i32 = 3;
const LEFT: i32 = 4;
const REMOVED: i32 = 5;
const MUTED: i32 = 6;
const ROLE: i32 = 7;
const GROUP_UPDATED: i32 = 8;
const GROUP_MUTED: i32 = 9;
const DISMISSED: i32 = 10;

/// What an event says beside whom and which message it is about.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Detail {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ban: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    muted: bool,
}

/// A change as it is stored.
#[derive(Default)]
struct Stored {
    kind: i32,
    message_seq: Option<i64>,
    user: Option<UserId>,
    by: Option<UserId>,
    detail: Detail,
}

impl From<&Change> for Stored {
    fn from(change: &Change) -> Self {
        let about = |kind, user: &UserId| Self { kind, user: Some(*user), ..Self::default() };
        let done = |kind, by: &UserId| Self { kind, by: Some(*by), ..Self::default() };
        match change {
            Change::Message(message) => Self { kind: MESSAGE, message_seq: Some(message.seq), ..Self::default() },
            Change::Edited { message, by } => Self { message_seq: Some(message.seq), ..done(EDITED, by) },
            Change::Recalled { message, by } => Self { message_seq: Some(message.seq), ..done(RECALLED, by) },
            Change::Joined { user, role } => {
                Self { detail: Detail { role: Some(role.number()), ..Detail::default() }, ..about(JOINED, user) }
            }
            Change::Left { user } => about(LEFT, user),
            Change::Removed { user, by, ban } => {
                let detail = Detail { ban: *ban, ..Detail::default() };
                Self { by: Some(*by), detail, ..about(REMOVED, user) }
            }
            Change::Muted { user, by, until } => {
                let detail = Detail { until: *until, ..Detail::default() };
                Self { by: Some(*by), detail, ..about(MUTED, user) }
            }
            Change::RoleSet { user, by, role } => {
                let detail = Detail { role: Some(role.number()), ..Detail::default() };
                Self { by: Some(*by), detail, ..about(ROLE, user) }
            }
            Change::GroupUpdated { by, name, icon } => {
                let detail = Detail { name: Some(name.clone()), icon: Some(icon.clone()), ..Detail::default() };
                Self { detail, ..done(GROUP_UPDATED, by) }
            }
            Change::GroupMuted { by, muted } => {
                Self { detail: Detail { muted: *muted, ..Detail::default() }, ..done(GROUP_MUTED, by) }
            }
            Change::Dismissed { by } => done(DISMISSED, by),
        }
    }
}

impl Stored {
    /// The change, with its message out of `messages`; nothing where what is stored makes no sense.
    fn change(self, messages: &HashMap<i64, Message>) -> Option<Change> {
        let message = || self.message_seq.and_then(|seq| messages.get(&seq)).cloned().map(Box::new);
        let Detail { role: number, until, name, icon, ban, muted } = self.detail;
        Some(match self.kind {
            MESSAGE => Change::Message(message()?),
            EDITED => Change::Edited { message: message()?, by: self.by? },
            RECALLED => Change::Recalled { message: message()?, by: self.by? },
            JOINED => Change::Joined { user: self.user?, role: role(number?).ok()? },
            LEFT => Change::Left { user: self.user? },
            REMOVED => Change::Removed { user: self.user?, by: self.by?, ban },
            MUTED => Change::Muted { user: self.user?, by: self.by?, until },
            ROLE => Change::RoleSet { user: self.user?, by: self.by?, role: role(number?).ok()? },
            GROUP_UPDATED => Change::GroupUpdated { by: self.by?, name: name?, icon: icon? },
            GROUP_MUTED => Change::GroupMuted { by: self.by?, muted },
            DISMISSED => Change::Dismissed { by: self.by? },
            _ => return None,
        })
    }
}

/// Writes one event.
pub(super) async fn insert(transaction: &mut Transaction, event: &Event) -> Result<(), sqlx::Error> {
    let stored = Stored::from(&event.change);
    let detail = if stored.detail == Detail::default() { None } else { Some(json(&stored.detail)?) };
    on!(transaction, within connection => {
        sqlx::query(
            "insert into event (group_id, seq, kind, message_seq, user_id, by_id, detail, created_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(event.group)
        .bind(event.seq)
        .bind(stored.kind)
        .bind(stored.message_seq)
        .bind(stored.user)
        .bind(stored.by)
        .bind(detail)
        .bind(event.created_at)
        .execute(&mut *connection)
        .await
        .map(drop)
    })
}

impl Store {
    /// The events of a group after a place in its sequence, in order, with the messages as they are now.
    #[tracing::instrument(level = "debug", name = "db.event.list", skip_all)]
    pub async fn events(&self, group: GroupId, epoch: &str, after: i64, limit: i64) -> Result<Vec<Event>, sqlx::Error> {
        let rows: Vec<EventRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select seq, kind, message_seq, user_id, by_id, detail, created_at
                from event where group_id = $1 and seq > $2 order by seq limit $3",
            )
            .bind(group)
            .bind(after)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        let places: Vec<i64> = rows.iter().filter_map(|row| row.message_seq).collect();
        let messages = self.messages_at(group, &places).await?;
        let messages = messages.into_iter().map(|message| (message.seq, message)).collect();
        rows.into_iter().map(|row| row.event(group, epoch, &messages)).collect()
    }
}

#[derive(FromRow)]
struct EventRow {
    seq: i64,
    kind: i32,
    message_seq: Option<i64>,
    user_id: Option<UserId>,
    by_id: Option<UserId>,
    detail: Option<String>,
    created_at: DateTime<Utc>,
}

impl EventRow {
    fn event(self, group: GroupId, epoch: &str, messages: &HashMap<i64, Message>) -> Result<Event, sqlx::Error> {
        let detail = match &self.detail {
            Some(text) => serde_json::from_str(text).map_err(|_| unreadable("an event's detail"))?,
            None => Detail::default(),
        };
        let stored =
            Stored { kind: self.kind, message_seq: self.message_seq, user: self.user_id, by: self.by_id, detail };
        Ok(Event {
            group,
            epoch: epoch.to_owned(),
            seq: self.seq,
            created_at: self.created_at,
            change: stored.change(messages).ok_or_else(|| unreadable("an event"))?,
        })
    }
}
