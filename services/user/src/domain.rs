//! Accounts and the rules they obey. Pure: no database, no protocol, no clock.

mod address;
mod deed;
mod deletion;
mod password;
mod profile;
mod session;
mod username;

use std::sync::Arc;

use chatroom_kit::{fields::RequestId, ids::UserId};
use chrono::{DateTime, TimeDelta, Utc};

pub use address::Address;
pub use deed::{Deed, DeedId, DeedKind, DeedMark};
pub use deletion::{DELETED_NAME, Deletion, HOLDERS, NAME_HELD_FOR};
pub use password::Password;
pub use profile::{Avatar, Nickname, ProfileUpdate};
pub use session::{AccountChange, Changed, Session, is_renewed};
pub use username::Username;

/// How long a registration can be repeated.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// An account without anything secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its name as its owner wrote it.
    pub username: String,
    /// What its owner wants to be called; empty where nothing is set.
    pub nickname: String,
    /// The path of its owner's picture; empty where none is set.
    pub avatar: String,
    /// What it may do.
    pub role: Role,
    /// Whether its owner has deleted it.
    pub deleted: bool,
    /// How often the record has been changed.
    pub version: i32,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What an account may do beyond its own affairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nothing.
    User,
    /// Everything that concerns the whole installation.
    Administrator,
}

impl Role {
    /// The number that stands for it in tokens and in the database.
    pub fn number(self) -> u8 {
        match self {
            Self::User => 0,
            Self::Administrator => 1,
        }
    }

    /// The role that `number` stands for.
    pub fn from_number(number: i16) -> Option<Self> {
        match number {
            0 => Some(Self::User),
            1 => Some(Self::Administrator),
            _ => None,
        }
    }
}

/// An account to be opened.
pub struct NewAccount {
    /// Its name.
    pub username: Username,
    /// The password's hash, as a PHC string.
    pub password_hash: String,
    /// What the client called the request.
    pub request_id: Option<RequestId>,
}

/// An account with what proves that a caller owns it. Has no `Debug`: the hash belongs in no log.
pub struct Account {
    /// What may be shown.
    pub user: User,
    /// The password's hash, as a PHC string.
    pub password_hash: Arc<str>,
    /// What the client called the request that opened it.
    pub request_id: Option<String>,
    /// The least generation of a token that is good.
    pub generation: i32,
    /// When it was disabled; nothing while it may be used.
    pub disabled_at: Option<DateTime<Utc>>,
}

impl Account {
    /// The account, unless it is disabled.
    pub fn usable(self) -> Option<Self> {
        self.disabled_at.is_none().then_some(self)
    }

    /// Whether a request called `request_id` may be the one that opened the account, sent again: it bears the same id
    /// and comes within 24 hours. Whether it is depends on the password.
    pub fn may_be_opened_by(&self, request_id: Option<&RequestId>, now: DateTime<Utc>) -> bool {
        let same = request_id.is_some_and(|id| self.request_id.as_deref() == Some(id.as_str()));
        same && now - self.user.created_at < REPEATABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened_by(request_id: Option<&str>) -> Account {
        let user = User {
            id: UserId::new(),
            username: "lily".into(),
            nickname: String::new(),
            avatar: String::new(),
            role: Role::User,
            deleted: false,
            version: 0,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        Account {
            user,
            password_hash: "".into(),
            request_id: request_id.map(Into::into),
            generation: 0,
            disabled_at: None,
        }
    }

    #[test]
    fn a_registration_can_be_repeated_for_a_day() {
        let id = RequestId::parse("r-1").unwrap();
        let account = opened_by(Some("r-1"));
        let day = TimeDelta::hours(24);
        assert!(account.may_be_opened_by(id.as_ref(), DateTime::UNIX_EPOCH + day - TimeDelta::milliseconds(1)));
        assert!(!account.may_be_opened_by(id.as_ref(), DateTime::UNIX_EPOCH + day));
    }

    #[test]
    fn only_the_same_request_id_is_a_repetition() {
        let other = RequestId::parse("r-2").unwrap();
        assert!(!opened_by(Some("r-1")).may_be_opened_by(other.as_ref(), DateTime::UNIX_EPOCH));
        assert!(!opened_by(Some("r-1")).may_be_opened_by(None, DateTime::UNIX_EPOCH));
        assert!(!opened_by(None).may_be_opened_by(None, DateTime::UNIX_EPOCH));
    }

    #[test]
    fn a_role_is_read_as_it_is_written() {
        for role in [Role::User, Role::Administrator] {
            assert_eq!(Role::from_number(role.number().into()), Some(role));
        }
        assert_eq!(Role::from_number(2), None);
    }
}
