//! Events: every durable change in a group, one after the other.

use chatroom_kit::ids::{GroupId, UserId};
use chrono::{DateTime, Utc};

use super::{Message, Role};

/// A change that happened in a group, with the messages it concerns as they are now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The group.
    pub group: GroupId,
    /// The group's epoch.
    pub epoch: String,
    /// Its place in the group's sequence.
    pub seq: i64,
    /// When it happened.
    pub created_at: DateTime<Utc>,
    /// What happened.
    pub change: Change,
}

/// What happened in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Something was said.
    Message(Box<Message>),
    /// A message was edited by its sender.
    Edited {
        /// The message.
        message: Box<Message>,
        /// Who edited it.
        by: UserId,
    },
    /// A message was taken back.
    Recalled {
        /// The message.
        message: Box<Message>,
        /// Who took it back.
        by: UserId,
    },
    /// Someone came.
    Joined {
        /// Who.
        user: UserId,
        /// Their role.
        role: Role,
    },
    /// Someone went.
    Left {
        /// Who.
        user: UserId,
    },
    /// Someone was put out.
    Removed {
        /// Who.
        user: UserId,
        /// By whom.
        by: UserId,
        /// Whether for good.
        ban: bool,
    },
    /// Someone may not speak for a while, or may again.
    Muted {
        /// Who.
        user: UserId,
        /// By whom.
        by: UserId,
        /// Until when; nothing where they may speak again.
        until: Option<DateTime<Utc>>,
    },
    /// Someone became an admin, or is one no more.
    RoleSet {
        /// Who.
        user: UserId,
        /// By whom.
        by: UserId,
        /// What they are now.
        role: Role,
    },
    /// The group has a new name or picture.
    GroupUpdated {
        /// By whom.
        by: UserId,
        /// Its name now.
        name: String,
        /// Its picture now.
        icon: String,
    },
    /// Only owner and admins may speak, or everyone may again.
    GroupMuted {
        /// By whom.
        by: UserId,
        /// Whether only they may.
        muted: bool,
    },
    /// The group ended.
    Dismissed {
        /// By whom.
        by: UserId,
    },
}
