//! Deleted accounts: what they are called, for how long their names are held, and who has to take away what is left.

use chatroom_kit::ids::UserId;
use chrono::{DateTime, TimeDelta, Utc};

/// What everybody sees in the place of a deleted account's name. Nobody else can be called so.
pub const DELETED_NAME: &str = "已注销用户";
/// The services that hold something of accounts, by the names that they call in.
pub const HOLDERS: [&str; 2] = ["merchant", "group"];
/// For how long a deleted account's name cannot be registered.
pub const NAME_HELD_FOR: TimeDelta = TimeDelta::days(30);
/// How long after a deletion some process may still accept the account's token: ten seconds are promised.
const SETTLES_AFTER: TimeDelta = TimeDelta::seconds(15);

/// A deleted account of which a service may still hold something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// Whose it was.
    pub user: UserId,
    /// Whether what they have said goes too.
    pub erase_messages: bool,
    /// The path of the picture that they had; empty where they had none.
    pub avatar: String,
    /// When the account was deleted.
    pub deleted_at: DateTime<Utc>,
}

impl Deletion {
    /// Whether no process accepts the account's tokens any more.
    pub fn is_settled(&self, now: DateTime<Utc>) -> bool {
        now - self.deleted_at >= SETTLES_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_settles_after_every_process_knows() {
        let deletion = Deletion {
            user: UserId::new(),
            erase_messages: false,
            avatar: String::new(),
            deleted_at: DateTime::UNIX_EPOCH,
        };
        assert!(!deletion.is_settled(DateTime::UNIX_EPOCH + TimeDelta::seconds(10)));
        assert!(deletion.is_settled(DateTime::UNIX_EPOCH + TimeDelta::seconds(15)));
    }
}
