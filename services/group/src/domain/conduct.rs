//! Blocks, reports, and the record of what was done about messages.

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::{GroupId, Id, MerchantId, UserId},
};
use chrono::{DateTime, Utc};

use super::{Message, MessageId};

/// What a [`ReportId`] names.
pub enum ReportKind {}
/// A report's id.
pub type ReportId = Id<ReportKind>;

/// What an [`ActionId`] names.
pub enum ActionMark {}
/// The id of something that was done.
pub type ActionId = Id<ActionMark>;

/// How many users one may block.
pub const BLOCKS_MAX: i64 = 10_000;
/// How many characters a reason or a resolution may have.
const REMARK_MAX: usize = 500;

/// Someone wants to hear nothing of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Of whom.
    pub user: UserId,
    /// Since when.
    pub created_at: DateTime<Utc>,
}

/// A remark: 1 to 500 characters after trimming, with no control characters but line breaks and tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark(String);

impl Remark {
    /// Checks the request field `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new(field, Problem::Missing));
        }
        if text.chars().count() > REMARK_MAX {
            return Err(Invalid::new(field, Problem::TooLong(REMARK_MAX)));
        }
        if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
            return Err(Invalid::new(field, Problem::Malformed));
        }
        Ok(Self(text.to_owned()))
    }

    /// The remark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A report to be made.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// The page whose creator is told.
    pub merchant: MerchantId,
    /// Who reports.
    pub reporter: UserId,
    /// Who is reported; nothing for a service.
    pub user: Option<UserId>,
    /// The message, where one is reported.
    pub message: Option<MessageId>,
    /// Why.
    pub reason: Remark,
}

/// A page's creator was told of a message or a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its id.
    pub id: ReportId,
    /// The page.
    pub merchant: MerchantId,
    /// Who reports.
    pub reporter: UserId,
    /// Who is reported; nothing for a service.
    pub user: Option<UserId>,
    /// The message, where one is reported.
    pub message: Option<MessageId>,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was dealt with, where it was.
    pub resolved_at: Option<DateTime<Utc>>,
    /// What came of it.
    pub resolution: Option<String>,
}

/// A report with its message as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedReport {
    /// The report.
    pub report: Report,
    /// The message.
    pub message: Option<Message>,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// Words of a message were masked.
    Masked,
    /// A message was refused for its words.
    Refused,
    /// A message was changed by the external check.
    Replaced,
    /// A message was refused by the external check.
    Rejected,
    /// A report was made.
    Reported,
    /// A report was dealt with.
    Resolved,
    /// A page's words were set.
    WordsSet,
}

impl ActionKind {
    const ALL: [Self; 7] =
        [Self::Masked, Self::Refused, Self::Replaced, Self::Rejected, Self::Reported, Self::Resolved, Self::WordsSet];

    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Masked => 1,
            Self::Refused => 2,
            Self::Replaced => 3,
            Self::Rejected => 4,
            Self::Reported => 5,
            Self::Resolved => 6,
            Self::WordsSet => 7,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// Something that was done about a message, a user or a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// Its id.
    pub id: ActionId,
    /// What was done.
    pub kind: ActionKind,
    /// The page.
    pub merchant: MerchantId,
    /// The group, where there is one.
    pub group: Option<GroupId>,
    /// Who did it, or said it.
    pub user: UserId,
    /// More about it.
    pub detail: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_bounded_and_visible() {
        assert_eq!(Remark::parse("reason", " 广告\n ").unwrap().as_str(), "广告");
        for text in ["", "  ", "a\0b", &"字".repeat(501)] {
            assert_eq!(Remark::parse("reason", text).unwrap_err().field, "reason");
        }
    }

    #[test]
    fn what_was_done_is_read_as_it_is_stored() {
        for kind in ActionKind::ALL {
            assert_eq!(ActionKind::from_number(kind.number()), Some(kind));
        }
        assert_eq!(ActionKind::from_number(0), None);
    }
}
