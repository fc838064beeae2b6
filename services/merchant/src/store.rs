//! Merchant pages and memberships in the database. Owns their SQL; activation codes have a file of their own.

mod activation;

use chatroom_kit::{
    db::Db,
    fields::RequestId,
    ids::{MerchantId, UserId},
    on, tx,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use crate::{
    domain::{Membership, MembershipId, Merchant, NewMerchant},
    error::Error,
};

/// How long a request can be repeated.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// The merchant service's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Opens the database at `url` and brings it up to date.
    pub async fn open(url: &str, connections: u32) -> anyhow::Result<Self> {
        let db = Db::open(url, connections, &chatroom_kit::migrations!()).await?;
        Ok(Self { db })
    }

    /// Whether an uploaded file is a page's picture.
    #[tracing::instrument(level = "debug", name = "db.merchant.select_by_icon", skip_all)]
    pub async fn is_icon(&self, path: &str) -> Result<bool, sqlx::Error> {
        on!(&self.db, read pool => {
            // The second condition lets the index be used, which knows only our own uploads.
            sqlx::query_scalar("select exists (select 1 from merchant where icon = $1 and icon like '/upload/%')")
                .bind(path)
                .fetch_one(pool)
                .await
        })
    }

    /// Opens a page, its creator joined to it, in one transaction. With `issued`, the code must have been issued and
    /// is used up by it. A repeated request answers the page that the first one opened.
    #[tracing::instrument(level = "debug", name = "db.merchant.insert", skip_all)]
    pub async fn create_merchant(
        &self,
        new: &NewMerchant,
        issued: bool,
        now: DateTime<Utc>,
    ) -> Result<Merchant, Error> {
        let merchant = Merchant {
            id: MerchantId::new(),
            user: new.user,
            activation_code: new.activation_code.as_str().to_owned(),
            name: new.name.as_str().to_owned(),
            icon: new.icon.as_str().to_owned(),
            customer: new.customer,
            // Who names themself agrees by doing so; anyone else is asked.
            serving: new.customer == new.user,
            version: 0,
            created_at: now,
            updated_at: now,
        };
        let request_id = new.request_id.as_ref().map(RequestId::as_str);
        tx!(&self.db, tx => {
            if request_id.is_some() {
                sqlx::query(
                    "update merchant set request_id = null where user_id = $1 and request_id = $2 and created_at <= $3",
                )
                .bind(merchant.user)
                .bind(request_id)
                .bind(now - REPEATABLE)
                .execute(&mut *tx)
                .await?;
            }
            // Waits for a concurrent request of the same id, whose page is then found.
            let inserted = sqlx::query(
                "insert into merchant
                    (id, user_id, activation_code, name, icon, customer_id, serving, request_id, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
                on conflict (user_id, request_id) do nothing",
            )
            .bind(merchant.id)
            .bind(merchant.user)
            .bind(&merchant.activation_code)
            .bind(&merchant.name)
            .bind(&merchant.icon)
            .bind(merchant.customer)
            .bind(merchant.serving)
            .bind(request_id)
            .bind(now)
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                let first: MerchantRow = sqlx::query_as(
                    "select id, user_id, activation_code, name, icon, customer_id, serving, version, created_at, updated_at
                    from merchant where user_id = $1 and request_id = $2",
                )
                .bind(merchant.user)
                .bind(request_id)
                .fetch_one(&mut *tx)
                .await?;
                return Ok(first.into());
            }
            if issued {
                activation::use_code!(tx, &merchant.activation_code, merchant.id, now);
            }
            sqlx::query(
                "insert into membership (id, user_id, merchant_id, created_at, updated_at) values ($1, $2, $3, $4, $4)",
            )
            .bind(MembershipId::new())
            .bind(merchant.user)
            .bind(merchant.id)
            .bind(now)
            .execute(&mut *tx)
            .await?;
            Ok(merchant)
        })
    }

    /// The page, and whether `viewer` has joined it.
    #[tracing::instrument(level = "debug", name = "db.merchant.select", skip_all)]
    pub async fn merchant(&self, id: MerchantId, viewer: UserId) -> Result<Option<(Merchant, bool)>, sqlx::Error> {
        let row: Option<SeenRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select p.id, p.user_id, p.activation_code, p.name, p.icon, p.customer_id, p.serving, p.version,
                    p.created_at, p.updated_at, m.id is not null as joined
                from merchant p left join membership m on m.user_id = $2 and m.merchant_id = p.id
                where p.id = $1",
            )
            .bind(id)
            .bind(viewer)
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(|row| (row.merchant.into(), row.joined)))
    }

    /// Says whether the page's customer-service user serves its members; nothing where there is no such page or
    /// `customer` is not that user. Saying it again changes nothing.
    #[tracing::instrument(level = "debug", name = "db.merchant.update", skip_all)]
    pub async fn set_serving(
        &self,
        id: MerchantId,
        customer: UserId,
        serving: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<Merchant>, sqlx::Error> {
        let row: Option<MerchantRow> = on!(&self.db, write pool => {
            sqlx::query_as(
                "update merchant set
                    serving = $3,
                    version = case when serving = $3 then version else version + 1 end,
                    updated_at = case when serving = $3 then updated_at else $4 end
                where id = $1 and customer_id = $2
                returning id, user_id, activation_code, name, icon, customer_id, serving, version, created_at,
                    updated_at",
            )
            .bind(id)
            .bind(customer)
            .bind(serving)
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(Into::into))
    }

    /// Makes `user` a member of a page; nothing where there is no such page. One who is a member already keeps the
    /// membership.
    #[tracing::instrument(level = "debug", name = "db.membership.insert", skip_all)]
    pub async fn join(
        &self,
        user: UserId,
        merchant: MerchantId,
        now: DateTime<Utc>,
    ) -> Result<Option<Membership>, sqlx::Error> {
        let joined: Option<MembershipRow> = on!(&self.db, write pool => {
            sqlx::query_as(
                "insert into membership (id, user_id, merchant_id, created_at, updated_at)
                select $1, $2, id, $4, $4 from merchant where id = $3
                on conflict (user_id, merchant_id) do nothing
                returning id, user_id, merchant_id, version, created_at, updated_at",
            )
            .bind(MembershipId::new())
            .bind(user)
            .bind(merchant)
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        match joined {
            Some(row) => Ok(Some(row.into())),
            None => self.membership(user, merchant).await,
        }
    }

    /// A user's membership of a page.
    #[tracing::instrument(level = "debug", name = "db.membership.select", skip_all)]
    pub async fn membership(&self, user: UserId, merchant: MerchantId) -> Result<Option<Membership>, sqlx::Error> {
        let row: Option<MembershipRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select id, user_id, merchant_id, version, created_at, updated_at
                from membership where user_id = $1 and merchant_id = $2",
            )
            .bind(user)
            .bind(merchant)
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(Into::into))
    }

    /// A user's memberships with their pages, oldest first: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.membership.list", skip_all)]
    pub async fn memberships(
        &self,
        user: UserId,
        after: Option<MembershipId>,
        limit: i64,
    ) -> Result<Vec<(Membership, Merchant)>, Error> {
        let (since, id) = match after {
            Some(id) => (self.joined_at(user, id).await?.ok_or(Error::MembershipNotFound)?, id.to_string()),
            // Before any row: ids are hex digits, and nobody joined in 1970.
            None => (DateTime::UNIX_EPOCH, String::new()),
        };
        let rows: Vec<ListedRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select m.id, m.version, m.created_at, m.updated_at,
                    p.id, p.user_id, p.activation_code, p.name, p.icon, p.customer_id, p.serving, p.version,
                    p.created_at, p.updated_at
                from membership m join merchant p on p.id = m.merchant_id
                where m.user_id = $1 and (m.created_at, m.id) > ($2, $3)
                order by m.created_at, m.id
                limit $4",
            )
            .bind(user)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(|row| row.listed(user)).collect())
    }

    async fn joined_at(&self, user: UserId, id: MembershipId) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select created_at from membership where user_id = $1 and id = $2")
                .bind(user)
                .bind(id)
                .fetch_optional(pool)
                .await
        })
    }
}

#[derive(FromRow)]
struct MerchantRow {
    id: MerchantId,
    user_id: UserId,
    activation_code: String,
    name: String,
    icon: String,
    customer_id: UserId,
    serving: bool,
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
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A page and whether the viewer has joined it.
#[derive(FromRow)]
struct SeenRow {
    #[sqlx(flatten)]
    merchant: MerchantRow,
    joined: bool,
}

#[derive(FromRow)]
struct MembershipRow {
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
struct ListedRow(
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
    i32,
    DateTime<Utc>,
    DateTime<Utc>,
);

impl ListedRow {
    fn listed(self, member: UserId) -> (Membership, Merchant) {
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
            version: self.11,
            created_at: self.12,
            updated_at: self.13,
        };
        (membership, merchant)
    }
}
