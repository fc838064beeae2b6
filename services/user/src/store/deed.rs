//! What administrators do, remembered in the database in the transaction that does it.

use chatroom_kit::{cursor::TimeCursor, db::Transaction, ids::UserId, on};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::Store;
use crate::domain::{Deed, DeedId, DeedKind, DeedMark};

impl Store {
    /// Remembers what `transaction` does.
    pub(super) async fn add_deed(
        &self,
        transaction: &mut Transaction,
        kind: DeedKind,
        by: Option<UserId>,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        on!(transaction, within connection => {
            sqlx::query("insert into deed (id, kind, by_id, user_id, created_at) values ($1, $2, $3, $4, $5)")
                .bind(DeedId::new())
                .bind(kind.number())
                .bind(by)
                .bind(user)
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
        })
    }

    /// What was done, latest first, to one account or to all: what lies before `before`, or the latest.
    #[tracing::instrument(level = "debug", name = "db.deed.list", skip_all, err(level = "debug"))]
    pub async fn deeds(
        &self,
        user: Option<UserId>,
        before: Option<TimeCursor<DeedMark>>,
        limit: i64,
    ) -> Result<Vec<Deed>, sqlx::Error> {
        let (until, id) = TimeCursor::upper_bound(before);
        let statement = match user {
            Some(_) => {
                "select id, kind, by_id, user_id, created_at from deed
                where user_id = $1 and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4"
            }
            None => {
                "select id, kind, by_id, user_id, created_at from deed
                where $1 is null and (created_at, id) < ($2, $3) order by created_at desc, id desc limit $4"
            }
        };
        let rows: Vec<DeedRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(user).bind(until).bind(id).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(Deed::try_from).collect()
    }
}

#[derive(FromRow)]
struct DeedRow {
    id: DeedId,
    kind: i32,
    by_id: Option<UserId>,
    user_id: UserId,
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
            user: row.user_id,
            created_at: row.created_at,
        })
    }
}
