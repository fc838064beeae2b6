//! Merchant pages, memberships, activation codes and what is done to them: their types and rules. Pure: no storage, no network, no clock.

mod deed;

use chatroom_kit::{
    error::{Invalid, Problem},
    fields::{DisplayName, Icon, RequestId},
    ids::{Id, MerchantId, UserId},
};
use chrono::{DateTime, Utc};

pub use deed::{Deed, DeedId, DeedKind, DeedMark};

/// How many characters an activation code may have.
const CODE_MAX: usize = 64;
/// How many codes can be issued at once.
const BATCH_MAX: i32 = 1000;

/// What a [`MembershipId`] names.
pub enum MembershipKind {}
/// A membership's id.
pub type MembershipId = Id<MembershipKind>;

/// What a [`BatchId`] names.
pub enum BatchKind {}
/// The id of some codes that were issued together.
pub type BatchId = Id<BatchKind>;

/// A merchant page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merchant {
    /// Its id.
    pub id: MerchantId,
    /// Its creator.
    pub user: UserId,
    /// The code it was opened with, for its creator's eyes.
    pub activation_code: String,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub icon: String,
    /// Who serves its customers.
    pub customer: UserId,
    /// Whether that user has agreed to be contacted by its members.
    pub serving: bool,
    /// When it was closed; nothing while it is open.
    pub closed_at: Option<DateTime<Utc>>,
    /// How often it has been changed.
    pub version: i32,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Merchant {
    /// The page as `viewer` may see it: only its creator sees the activation code.
    #[must_use]
    pub fn seen_by(mut self, viewer: impl Into<Option<UserId>>) -> Self {
        if viewer.into() != Some(self.user) {
            self.activation_code.clear();
        }
        self
    }

    /// Refuses everyone but its creator.
    pub fn must_belong_to(&self, user: UserId) -> Result<(), Refusal> {
        if self.user == user { Ok(()) } else { Err(Refusal::NotMerchantOwner) }
    }

    /// Refuses everyone but its creator, and everyone once it is closed.
    pub fn must_be_changeable_by(&self, user: UserId) -> Result<(), Refusal> {
        self.must_belong_to(user)?;
        if self.closed_at.is_none() { Ok(()) } else { Err(Refusal::MerchantClosed) }
    }

    /// Refuses everyone but its customer-service user, and everyone once it is closed.
    pub fn must_be_served_by(&self, user: UserId) -> Result<(), Refusal> {
        match self.closed_at {
            _ if self.customer != user => Err(Refusal::NotCustomer),
            Some(_) => Err(Refusal::MerchantClosed),
            None => Ok(()),
        }
    }

    /// The page as it will be. Another customer-service user has agreed to nothing yet, unless they are the creator.
    #[must_use]
    pub fn patched(&self, patch: &MerchantPatch) -> Self {
        let customer = patch.customer.unwrap_or(self.customer);
        Self {
            name: patch.name.as_ref().map_or_else(|| self.name.clone(), |name| name.as_str().to_owned()),
            icon: patch.icon.as_ref().map_or_else(|| self.icon.clone(), |icon| icon.as_str().to_owned()),
            customer,
            serving: if customer == self.customer { self.serving } else { customer == self.user },
            ..self.clone()
        }
    }
}

/// What is to be changed in a page's record; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct MerchantPatch {
    /// Its new name.
    pub name: Option<DisplayName>,
    /// Its new picture.
    pub icon: Option<Icon>,
    /// Who will serve its customers.
    pub customer: Option<UserId>,
}

/// Why something cannot be done with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Only its creator may do it.
    #[error("only the page's creator may do this")]
    NotMerchantOwner,
    /// Only the page's customer-service user may do it.
    #[error("only the page's customer-service user may do this")]
    NotCustomer,
    /// The page is closed.
    #[error("the page is closed")]
    MerchantClosed,
    /// A page has a creator, who is one of its members.
    #[error("the page's creator cannot leave it")]
    CreatorCannotLeave,
    /// The page's next creator is none of its members.
    #[error("the user has not joined the page")]
    PageMemberNotFound,
}

/// A page to be opened.
#[derive(Clone, Debug)]
pub struct NewMerchant {
    /// Who opens it.
    pub user: UserId,
    /// The code that opens it.
    pub activation_code: ActivationCode,
    /// Its name.
    pub name: DisplayName,
    /// Its picture.
    pub icon: Icon,
    /// Who will serve its customers.
    pub customer: UserId,
    /// What the client calls the request.
    pub request_id: Option<RequestId>,
}

/// A user's membership of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Its id.
    pub id: MembershipId,
    /// The member.
    pub user: UserId,
    /// The page.
    pub merchant: MerchantId,
    /// How often it has been changed.
    pub version: i32,
    /// When the user joined.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// What someone typed to open a page: 1 to 64 characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationCode(String);

impl ActivationCode {
    /// Checks the request field `activationCode`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("activationCode", Problem::Missing));
        }
        if text.chars().count() > CODE_MAX {
            return Err(Invalid::new("activationCode", Problem::TooLong(CODE_MAX)));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("activationCode", Problem::Malformed));
        }
        Ok(Self(text.to_owned()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Codes to be issued together.
#[derive(Clone, Debug)]
pub struct NewBatch {
    /// The administrator who asks.
    pub user: UserId,
    /// How many.
    pub count: u16,
    /// When they stop to open anything.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the client calls the request.
    pub request_id: Option<RequestId>,
}

impl NewBatch {
    /// Checks what an administrator asks for.
    pub fn parse(
        user: UserId,
        count: i32,
        expires_at: Option<DateTime<Utc>>,
        request_id: Option<RequestId>,
        now: DateTime<Utc>,
    ) -> Result<Self, Invalid> {
        let count = u16::try_from(count)
            .ok()
            .filter(|_| (1..=BATCH_MAX).contains(&count))
            .ok_or(Invalid::new("count", Problem::OutOfRange(1, i64::from(BATCH_MAX))))?;
        if expires_at.is_some_and(|time| time <= now) {
            return Err(Invalid::new("expiresAt", Problem::Past));
        }
        Ok(Self { user, count, expires_at, request_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_creator_sees_the_code() {
        let creator = UserId::new();
        let merchant = Merchant {
            id: MerchantId::new(),
            user: creator,
            activation_code: "asdasad".to_owned(),
            name: "小蓝的商页".to_owned(),
            icon: "https://img.example/1.jpg".to_owned(),
            customer: creator,
            serving: true,
            closed_at: None,
            version: 0,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        };
        assert_eq!(merchant.clone().seen_by(creator).activation_code, "asdasad");
        assert_eq!(merchant.seen_by(UserId::new()).activation_code, "");
    }

    #[test]
    fn a_batch_is_bounded_and_ends_in_the_future() {
        let now = DateTime::UNIX_EPOCH;
        let batch = |count, expires_at| NewBatch::parse(UserId::new(), count, expires_at, None, now);
        assert_eq!(batch(1000, None).unwrap().count, 1000);
        for count in [-1, 0, 1001] {
            assert_eq!(batch(count, None).unwrap_err().field, "count");
        }
        assert_eq!(batch(1, Some(now)).unwrap_err().problem, Problem::Past);
    }
}
