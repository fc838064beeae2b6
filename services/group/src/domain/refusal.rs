//! Why a member, or someone who is none, may not do a thing.

use chrono::{DateTime, Utc};

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such group.
    #[error("there is no such group")]
    GroupNotFound,
    /// The page has as many groups as one may.
    #[error("the page has as many groups as it may")]
    TooManyGroups,
    /// The group takes nothing new any more.
    #[error("the group has been dismissed")]
    GroupDismissed,
    /// Only members may do it.
    #[error("only members of the group may do this")]
    NotGroupMember,
    /// The user concerned is not a member.
    #[error("there is no such member")]
    MemberNotFound,
    /// One acts only on lower rank, and only in one's own role.
    #[error("the caller's role does not allow this")]
    RoleTooLow,
    /// The user was removed for good.
    #[error("the user has been removed from the group for good")]
    Banned,
    /// A group keeps its owner.
    #[error("the owner cannot leave")]
    OwnerCannotLeave,
    /// A customer-service conversation keeps its two members.
    #[error("nobody leaves a customer-service conversation")]
    ServiceConversation,
    /// The member may not speak for a while.
    #[error("the member is muted until {0}")]
    Muted(DateTime<Utc>),
    /// Nobody but owner and admins may speak.
    #[error("the group is muted")]
    GroupMuted,
    /// There is no such message in the group.
    #[error("there is no such message")]
    MessageNotFound,
    /// The message was taken back.
    #[error("the message has been recalled")]
    MessageRecalled,
    /// The time in which it could be done has passed.
    #[error("the time for this has passed")]
    TooLate,
    /// What is attached is not there, or not the sender's to show.
    #[error("there is no such file")]
    FileNotFound,
    /// The other side of a private conversation wants to hear nothing of the sender.
    #[error("the other side has blocked the sender")]
    Blocked,
    /// The page does not want these words said.
    #[error("the page does not want these words said")]
    WordsRefused,
    /// The external check refused it.
    #[error("the external check refused it")]
    ModerationRefused,
    /// Only text can be edited.
    #[error("only a text can be edited")]
    NotText,
}
