//! Members: their roles, and who may act on whom.

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::{GroupId, Id, UserId},
};
use chrono::{DateTime, Utc};

use super::{Group, Refusal};

/// What a [`MemberId`] names.
pub enum MemberKind {}
/// The id of someone's membership of a group.
pub type MemberId = Id<MemberKind>;

/// What a member may do; a greater one may do more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Speaks.
    Member,
    /// Also keeps order: removes, mutes, recalls.
    Admin,
    /// Also rules the group itself: its name, its admins, its end. The page's creator.
    Owner,
}

impl Role {
    /// As it is stored, and as the API shows it.
    pub fn number(self) -> i32 {
        match self {
            Self::Member => 0,
            Self::Admin => 1,
            Self::Owner => 2,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Member),
            1 => Some(Self::Admin),
            2 => Some(Self::Owner),
            _ => None,
        }
    }
}

/// A user's membership of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: MemberId,
    /// The group.
    pub group: GroupId,
    /// The member.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
    /// Until when they may not speak; a moment that has passed means nothing.
    pub mute_until: Option<DateTime<Utc>>,
    /// How often it has been changed.
    pub version: i32,
    /// When the user joined.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A group as someone reaches it: what reads are decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The group.
    pub group: Group,
    /// Its epoch.
    pub epoch: String,
    /// Its last event's place in the sequence.
    pub head_seq: i64,
    /// The caller's membership, where there is one.
    pub member: Option<Member>,
}

impl Access {
    /// Outsiders see nothing of what is said, nor that a customer-service conversation is there.
    pub fn must_be_member(&self) -> Result<&Member, Refusal> {
        self.member.as_ref().ok_or(self.group.kind.outsider())
    }
}

/// Owner and admins keep order, each only among those of lower rank.
pub fn must_outrank(actor: Role, target: Role) -> Result<(), Refusal> {
    if actor >= Role::Admin && actor > target { Ok(()) } else { Err(Refusal::RoleTooLow) }
}

/// Some things only the owner does.
pub fn must_own(actor: Role) -> Result<(), Refusal> {
    if actor == Role::Owner { Ok(()) } else { Err(Refusal::RoleTooLow) }
}

/// Checks the request field `until`: a mute ends in the future.
pub fn mute_until(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>, Invalid> {
    match until {
        Some(time) if time <= now => Err(Invalid::new("until", Problem::Past)),
        until => Ok(until),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_acts_only_on_lower_rank() {
        use Role::{Admin, Member, Owner};
        let allowed: Vec<_> = [Member, Admin, Owner]
            .into_iter()
            .flat_map(|actor| [Member, Admin, Owner].map(|target| (actor, target)))
            .filter(|&(actor, target)| must_outrank(actor, target).is_ok())
            .collect();
        assert_eq!(allowed, [(Admin, Member), (Owner, Member), (Owner, Admin)]);
    }

    #[test]
    fn a_role_is_read_as_it_is_stored() {
        for role in [Role::Member, Role::Admin, Role::Owner] {
            assert_eq!(Role::from_number(role.number()), Some(role));
        }
        assert_eq!(Role::from_number(3), None);
    }
}
