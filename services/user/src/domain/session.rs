//! Sessions: what a login begins and the tokens got for its token carry on, and how other processes hear of their end.

use chatroom_kit::{auth::Caller, ids::UserId};
use chrono::{DateTime, Utc};

/// A session of a user's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user: UserId,
    /// Its id: the claim `sid` of its tokens.
    pub id: Box<str>,
}

impl Session {
    /// The one that a caller's token belongs to.
    pub fn of(caller: &Caller) -> Self {
        Self { user: caller.id, id: caller.session.clone() }
    }
}

/// Whether a token that was made at `issued` and ends at `expires`, in seconds since the epoch, is exchanged for a new
/// one at `now`: it has lived through half of its time.
pub fn is_renewed(issued: i64, expires: i64, now: i64) -> bool {
    now >= issued + (expires - issued) / 2
}

/// Something that other processes must know of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// Whose account.
    pub user: UserId,
    /// What has changed.
    pub what: Changed,
    /// When it need not be known any more.
    pub expires_at: DateTime<Utc>,
}

/// What has changed about an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The session whose id this is has ended.
    SessionEnded(String),
    /// Tokens of a lower generation are refused.
    LeastGeneration(i32),
    /// It is shown otherwise than before.
    Profile,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_in_the_second_half_of_its_time() {
        assert!(!is_renewed(100, 200, 149));
        assert!(is_renewed(100, 200, 150));
        assert!(is_renewed(100, 200, 199));
    }
}
