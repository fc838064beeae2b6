//! Rows as statements answer them, their columns, and the domain values that they become.

use chatroom_kit::ids::{MerchantId, UserId};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use crate::domain::{Membership, MembershipId, Merchant};

/// The columns of a [`MerchantRow`].
macro_rules! merchant_columns {
    () => {
        "id, user_id, activation_code, name, icon, customer_id, serving, closed_at, version, created_at, updated_at"
    };
}
pub(super) use merchant_columns;

/// The columns of a [`MembershipRow`].
macro_rules! membership_columns {
    () => {
        "id, user_id, merchant_id, version, created_at, updated_at"
    };
}
pub(super) use membership_columns;

#[derive(FromRow)]
pub(super) struct MerchantRow {
    id: MerchantId,
    user_id: UserId,
    activation_code: String,
    name: String,
    icon: String,
    customer_id: UserId,
    serving: bool,
    closed_at: Option<DateTime<Utc>>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<MerchantRow> for Merchant {
    fn from(row: MerchantRow) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            activation_code: row.activation_code,
            name: row.name,
            icon: row.icon,
            customer: row.customer_id,
            serving: row.serving,
            closed_at: row.closed_at,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A page and whether the viewer has joined it.
#[derive(FromRow)]
pub(super) struct SeenRow {
    #[sqlx(flatten)]
    pub(super) merchant: MerchantRow,
    pub(super) joined: bool,
}

#[derive(FromRow)]
pub(super) struct MembershipRow {
    id: MembershipId,
    user_id: UserId,
    merchant_id: MerchantId,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<MembershipRow> for Membership {
    fn from(row: MembershipRow) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            merchant: row.merchant_id,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A membership's own columns and its page's, in the order of the list's statement.
#[derive(FromRow)]
pub(super) struct ListedRow(
    MembershipId,
    i32,
    DateTime<Utc>,
    DateTime<Utc>,
    MerchantId,
    UserId,
    String,
    String,
    String,
    UserId,
    bool,
    Option<DateTime<Utc>>,
    i32,
    DateTime<Utc>,
    DateTime<Utc>,
);

impl ListedRow {
    pub(super) fn listed(self, member: UserId) -> (Membership, Merchant) {
        let membership = Membership {
            id: self.0,
            user: member,
            merchant: self.4,
            version: self.1,
            created_at: self.2,
            updated_at: self.3,
        };
        let merchant = Merchant {
            id: self.4,
            user: self.5,
            activation_code: self.6,
            name: self.7,
            icon: self.8,
            customer: self.9,
            serving: self.10,
            closed_at: self.11,
            version: self.12,
            created_at: self.13,
            updated_at: self.14,
        };
        (membership, merchant)
    }
}
