//! Group chats: their types and rules. Pure: no storage, no network, no clock.

use chatroom_kit::{
    fields::{DisplayName, Icon, RequestId},
    ids::{GroupId, Id, MerchantId, UserId},
};
use chrono::{DateTime, Utc};

/// What a [`MemberId`] names.
pub enum MemberKind {}
/// The id of someone's membership of a group.
pub type MemberId = Id<MemberKind>;

/// A group chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// Its creator.
    pub user: UserId,
    /// The page it belongs to.
    pub merchant: MerchantId,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub icon: String,
    /// How often it has been changed.
    pub version: i32,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A group as one user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group: Group,
    /// Whether that user is in it.
    pub joined: bool,
}

/// A group to be opened.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Who opens it.
    pub user: UserId,
    /// The page it will belong to.
    pub merchant: MerchantId,
    /// Its name.
    pub name: DisplayName,
    /// Its picture.
    pub icon: Icon,
    /// What the client calls the request.
    pub request_id: Option<RequestId>,
}

/// Where a list goes on: after the group that was opened then and has this id. As a token it reads
/// `<milliseconds since the epoch>.<id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When that group was opened.
    pub created_at: DateTime<Utc>,
    /// Its id.
    pub id: GroupId,
}

impl Cursor {
    /// Reads a token; nothing where it is not one of ours.
    pub fn parse(token: &str) -> Option<Self> {
        let (milliseconds, id) = token.split_once('.')?;
        Some(Self { created_at: DateTime::from_timestamp_millis(milliseconds.parse().ok()?)?, id: id.parse().ok()? })
    }

    /// The cursor after `group`.
    pub fn after(group: &Group) -> Self {
        Self { created_at: group.created_at, id: group.id }
    }

    /// Writes the token.
    pub fn token(&self) -> String {
        format!("{}.{}", self.created_at.timestamp_millis(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor =
            Cursor { created_at: DateTime::from_timestamp_millis(1_692_591_413_765).unwrap(), id: GroupId::new() };
        assert_eq!(Cursor::parse(&cursor.token()), Some(cursor));
        for token in
            ["", ".", "1.", "x.64e313309054f1bdf19707c1", "1.64e31330", "9223372036854775807.64e313309054f1bdf19707c1"]
        {
            assert_eq!(Cursor::parse(token), None, "{token}");
        }
    }
}
