//! What is done to pages, remembered in the database in the transaction that does it.

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::Store;
use crate::domain::{Deed, DeedId, DeedKind, DeedMark};

/// Remembers a deed on a connection of either engine. A macro because a connection's type differs between them.
macro_rules! insert_deed {
    ($connection:expr, $deed:expr) => {{
        let deed: &$crate::domain::Deed = $deed;
        sqlx::query(
            "insert into deed (id, kind, by_id, merchant_id, user_id, detail, created_at)
            values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(deed.id)
        .bind(deed.kind.number())
        .bind(deed.by)
        .bind(deed.merchant)
        .bind(deed.user)
        .bind(&deed.detail)
        .bind(deed.created_at)
        .execute($connection)
        .await
        .map(drop)
    }};
}
pub(super) use insert_deed;

impl Store {
    /// What was done, latest first, to one page or at all: what lies before `before`, or the latest.
    #[tracing::instrument(level = "debug", name = "db.deed.list", skip_all, err(level = "debug"))]
    pub async fn deeds(
        &self,
        merchant: Option<MerchantId>,
        before: Option<TimeCursor<DeedMark>>,
        limit: i64,
    ) -> Result<Vec<Deed>, sqlx::Error> {
        let (until, id) = TimeCursor::upper_bound(before);
        let statement = match merchant {
            Some(_) => {
                "select id, kind, by_id, merchant_id, user_id, detail, created_at from deed
                where merchant_id = $1 and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4"
            }
            None => {
                "select id, kind, by_id, merchant_id, user_id, detail, created_at from deed
                where $1 is null and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4"
            }
        };
        let rows: Vec<DeedRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(merchant).bind(until).bind(id).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(Deed::try_from).collect()
    }
}

#[derive(FromRow)]
struct DeedRow {
    id: DeedId,
    kind: i32,
    by_id: UserId,
    merchant_id: Option<MerchantId>,
    user_id: Option<UserId>,
    detail: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<DeedRow> for Deed {
    type Error = sqlx::Error;

    fn try_from(row: DeedRow) -> Result<Self, sqlx::Error> {
        let kind = DeedKind::from_number(row.kind);
        Ok(Self {
            id: row.id,
            kind: kind.ok_or_else(|| sqlx::Error::Decode(format!("there is no deed {}", row.kind).into()))?,
            by: row.by_id,
            merchant: row.merchant_id,
            user: row.user_id,
            detail: row.detail,
            created_at: row.created_at,
        })
    }
}
