//! What administrators, operators on the command line and owners do to accounts, as it is remembered.

use chatroom_kit::ids::{Id, UserId};
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
    /// The administrator, or the account's owner, who did it; nothing where it was done on the command line.
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
    /// It was deleted by its owner.
    Deleted,
}

impl DeedKind {
    const ALL: [Self; 6] = [
        Self::Disabled,
        Self::Enabled,
        Self::SessionsEnded,
        Self::AdministratorMade,
        Self::AdministratorUnmade,
        Self::Deleted,
    ];

    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Disabled => 1,
            Self::Enabled => 2,
            Self::SessionsEnded => 3,
            Self::AdministratorMade => 4,
            Self::AdministratorUnmade => 5,
            Self::Deleted => 6,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
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
}
