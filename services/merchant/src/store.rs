//! The merchant service's database: how pages are opened and found. Owns the SQL of all of it.

mod activation;
mod deed;
mod deleted;
mod member;
mod page;
mod row;

use chatroom_kit::{
    db::{Db, Pulse},
    fields::RequestId,
    ids::{MerchantId, UserId},
    on, tx,
};
use chrono::{DateTime, TimeDelta, Utc};

use self::row::{MerchantRow, SeenRow, merchant_columns};
use crate::{
    domain::{Deed, MembershipId, Merchant, NewMerchant},
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

    /// Whether the database still answers, where it is a server.
    pub(crate) fn pulse(&self) -> Option<Pulse> {
        self.db.pulse()
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
            closed_at: None,
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
                    concat!("select ", merchant_columns!(), " from merchant where user_id = $1 and request_id = $2"),
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
            deed::insert_deed!(&mut *tx, &Deed::opening(&merchant, merchant.user, now))?;
            Ok(merchant)
        })
    }

    /// The page, and whether `viewer` has joined it; nobody has joined nothing.
    #[tracing::instrument(level = "debug", name = "db.merchant.select", skip_all)]
    pub async fn merchant(
        &self,
        id: MerchantId,
        viewer: impl Into<Option<UserId>>,
    ) -> Result<Option<(Merchant, bool)>, sqlx::Error> {
        let viewer = viewer.into();
        let row: Option<SeenRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select p.id, p.user_id, p.activation_code, p.name, p.icon, p.customer_id, p.serving, p.closed_at,
                    p.version, p.created_at, p.updated_at, m.id is not null as joined
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
}
