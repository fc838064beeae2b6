//! A user's list of conversations, and what is unread in them.

use chrono::{DateTime, Utc};

use super::{Group, Member, Message};

/// A group as one of its members sees it in their list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// The group.
    pub group: Group,
    /// Its epoch.
    pub epoch: String,
    /// Its last event's place in the sequence.
    pub head_seq: i64,
    /// The user's membership.
    pub member: Member,
    /// What the user has read.
    pub read: ReadCursor,
    /// When the last message was sent, or the group opened.
    pub active_at: DateTime<Utc>,
    /// The last message; nothing where there is none, or it was not asked for.
    pub last_message: Option<Message>,
}

/// How far someone has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadCursor {
    /// Everything up to this place in the sequence.
    pub seq: i64,
    /// How many messages of others stand after it.
    pub unread: i64,
}

/// How many messages of others stand after a cursor: all there are, less one's own, less those read. Nothing is
/// counted; each number is kept when a message, or the cursor, is written.
pub fn unread(messages: i64, own: i64, read_of_others: i64) -> i64 {
    (messages - own - read_of_others).max(0)
}
