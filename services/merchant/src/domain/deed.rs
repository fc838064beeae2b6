//! What is done to pages, and by whom, as it is remembered.

use chatroom_kit::ids::{Id, MerchantId, UserId};
use chrono::{DateTime, Utc};

use super::Merchant;

/// What a [`DeedId`] names.
pub enum DeedMark {}
/// The id of something that was done.
pub type DeedId = Id<DeedMark>;

/// Something that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Its id.
    pub id: DeedId,
    /// What.
    pub kind: DeedKind,
    /// Who did it.
    pub by: UserId,
    /// To which page; nothing where codes were issued.
    pub merchant: Option<MerchantId>,
    /// Whom it concerns: the customer-service user of a page that was opened or changed, the new creator of one that was
    /// handed on.
    pub user: Option<UserId>,
    /// More about it: what was changed, how many codes.
    pub detail: String,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeedKind {
    /// A page was opened.
    Opened,
    /// Its creator changed it.
    Updated,
    /// It was given to another creator.
    Transferred,
    /// It was closed.
    Closed,
    /// Its customer-service user agreed to be contacted, or did so no more.
    ServingSet,
    /// Activation codes were issued.
    CodesIssued,
}

impl DeedKind {
    const ALL: [Self; 6] =
        [Self::Opened, Self::Updated, Self::Transferred, Self::Closed, Self::ServingSet, Self::CodesIssued];

    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Opened => 1,
            Self::Updated => 2,
            Self::Transferred => 3,
            Self::Closed => 4,
            Self::ServingSet => 5,
            Self::CodesIssued => 6,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

impl Deed {
    /// `by` opened a page.
    pub fn opening(page: &Merchant, by: UserId, now: DateTime<Utc>) -> Self {
        Self { user: Some(page.customer), ..Self::on(page, DeedKind::Opened, by, now) }
    }

    /// `by` made of the page `before` the page `after`.
    pub fn change(before: &Merchant, after: &Merchant, by: UserId, now: DateTime<Utc>) -> Self {
        if after.user != before.user {
            return Self { user: Some(after.user), ..Self::on(after, DeedKind::Transferred, by, now) };
        }
        if after.closed_at != before.closed_at {
            return Self::on(after, DeedKind::Closed, by, now);
        }
        let changed = [
            ("name", after.name != before.name),
            ("icon", after.icon != before.icon),
            ("customer", after.customer != before.customer),
        ];
        let changed = changed.into_iter().filter_map(|(field, changed)| changed.then_some(field));
        let detail = changed.collect::<Vec<_>>().join(" ");
        Self { user: Some(after.customer), detail, ..Self::on(after, DeedKind::Updated, by, now) }
    }

    /// A page's customer-service user said whether they serve.
    pub fn serving(page: &Merchant, now: DateTime<Utc>) -> Self {
        let detail = if page.serving { "accepted" } else { "declined" };
        Self { detail: detail.to_owned(), ..Self::on(page, DeedKind::ServingSet, page.customer, now) }
    }

    /// `by` issued `count` codes.
    pub fn issuing(count: u16, by: UserId, now: DateTime<Utc>) -> Self {
        Self {
            id: DeedId::new(),
            kind: DeedKind::CodesIssued,
            by,
            merchant: None,
            user: None,
            detail: count.to_string(),
            created_at: now,
        }
    }

    fn on(page: &Merchant, kind: DeedKind, by: UserId, now: DateTime<Utc>) -> Self {
        let (id, merchant) = (DeedId::new(), Some(page.id));
        Self { id, kind, by, merchant, user: None, detail: String::new(), created_at: now }
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
