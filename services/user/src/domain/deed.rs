//! What administrators, and operators on the command line, do to accounts, as it is remembered.

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::{Id, UserId},
};
use chrono::{DateTime, Utc};

/// What a [`DeedId`] names.
pub enum DeedMark {}
/// The id of something that was done.
pub type DeedId = Id<DeedMark>;

/// Something that was done to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its id.
    pub id: DeedId,
    /// What.
    pub kind: DeedKind,
    /// The administrator who did it; nothing where it was done on the command line.
    pub by: Option<UserId>,
    /// Whom it was done to.
    pub user: UserId,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What is done to accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeedKind {
    /// It was disabled.
    Disabled,
    /// It was enabled.
    Enabled,
    /// All of its sessions were ended.
    SessionsEnded,
    /// It was made an administrator's.
    AdministratorMade,
    /// It was made an ordinary user's.
    AdministratorUnmade,
}

impl DeedKind {
    const ALL: [Self; 5] =
        [Self::Disabled, Self::Enabled, Self::SessionsEnded, Self::AdministratorMade, Self::AdministratorUnmade];

    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Disabled => 1,
            Self::Enabled => 2,
            Self::SessionsEnded => 3,
            Self::AdministratorMade => 4,
            Self::AdministratorUnmade => 5,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Where a list of deeds goes on: before the one that was done then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeedCursor {
    /// When it was done.
    pub created_at: DateTime<Utc>,
    /// Which it was.
    pub id: DeedId,
}

impl DeedCursor {
    /// The place before a deed.
    pub fn before(deed: &Deed) -> Self {
        Self { created_at: deed.created_at, id: deed.id }
    }

    /// Reads the request field `page_token`.
    pub fn parse(token: &str) -> Result<Self, Invalid> {
        let malformed = || Invalid::new("page_token", Problem::Malformed);
        let (millis, id) = token.split_once('.').ok_or_else(malformed)?;
        let created_at = millis
            .parse()
            .ok()
            .filter(|millis| *millis >= 0_i64)
            .and_then(DateTime::from_timestamp_millis)
            .ok_or_else(malformed)?;
        Ok(Self { created_at, id: DeedId::parse("page_token", id)? })
    }

    /// What the next request names it by.
    pub fn token(&self) -> String {
        format!("{}.{}", self.created_at.timestamp_millis(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in DeedKind::ALL {
            assert_eq!(DeedKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(DeedKind::from_number(0), None);
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let created_at = DateTime::from_timestamp_millis(1_692_591_413_765).unwrap();
        let cursor = DeedCursor { created_at, id: DeedId::new() };
        assert_eq!(DeedCursor::parse(&cursor.token()).unwrap(), cursor);
        for token in ["", "1", "x.64e2e53561a25a30db767a40", "1.x", "9223372036854775807.64e2e53561a25a30db767a40"] {
            assert!(DeedCursor::parse(token).is_err(), "{token}");
        }
    }
}
