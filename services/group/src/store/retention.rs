//! Messages that have grown too old lose their content, a few at a time, and never under the lock of their group: whoever
//! speaks there does not wait.

use chatroom_kit::{
    ids::{GroupId, MerchantId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Store,
    blank::{AT_ONCE, Said},
};

/// A page whose old messages are to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retained {
    /// The page.
    pub merchant: MerchantId,
    /// For how many days messages are kept.
    pub days: i32,
}

impl Store {
    /// Says for how many days what is said on a page is kept; nothing for ever.
    #[tracing::instrument(level = "debug", name = "db.retention.update", skip_all)]
    pub async fn set_retention(
        &self,
        merchant: MerchantId,
        days: Option<i32>,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let statement = match days {
            Some(_) => {
                "insert into retention (merchant_id, days, next_at, updated_at) values ($1, $2, $3, $3)
                on conflict (merchant_id) do update set
                    days = excluded.days, next_at = excluded.next_at, updated_at = excluded.updated_at"
            }
            None => "delete from retention where merchant_id = $1 and $2 is null and $3 is not null",
        };
        on!(&self.db, write pool => {
            sqlx::query(statement).bind(merchant).bind(days).bind(now).execute(pool).await.map(drop)
        })
    }

    /// For how many days what is said on a page is kept; nothing for ever.
    #[tracing::instrument(level = "debug", name = "db.retention.select", skip_all)]
    pub async fn retention(&self, merchant: MerchantId) -> Result<Option<i32>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select days from retention where merchant_id = $1")
                .bind(merchant)
                .fetch_optional(pool)
                .await
        })
    }

    /// Takes the next page whose old messages are to be looked for. It is nobody else's before `lease`.
    #[tracing::instrument(level = "debug", name = "db.retention.claim", skip_all)]
    pub async fn claim_retained(
        &self,
        now: DateTime<Utc>,
        lease: DateTime<Utc>,
    ) -> Result<Option<Retained>, sqlx::Error> {
        // Only looked at, mostly: on SQLite a statement that writes would keep others from it.
        let any: bool = on!(&self.db, read pool => {
            sqlx::query_scalar("select exists (select 1 from retention where next_at <= $1)")
                .bind(now)
                .fetch_one(pool)
                .await
        })?;
        if !any {
            return Ok(None);
        }
        let row: Option<(MerchantId, i32)> = on!(&self.db, write pool => {
            sqlx::query_as(
                "update retention set next_at = $2
                where merchant_id = (select merchant_id from retention where next_at <= $1 order by next_at limit 1)
                    and next_at <= $1
                returning merchant_id, days",
            )
            .bind(now)
            .bind(lease)
            .fetch_optional(pool)
            .await
        })?;
        Ok(row.map(|(merchant, days)| Retained { merchant, days }))
    }

    /// Says when a page is to be looked at next.
    #[tracing::instrument(level = "debug", name = "db.retention.put_off", skip_all)]
    pub async fn put_off_retained(&self, merchant: MerchantId, next_at: DateTime<Utc>) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("update retention set next_at = $2 where merchant_id = $1")
                .bind(merchant)
                .bind(next_at)
                .execute(pool)
                .await
                .map(drop)
        })
    }

    /// A page's groups and how far the messages of each have been looked at.
    #[tracing::instrument(level = "debug", name = "db.expiry.list", skip_all)]
    pub async fn expiries(&self, merchant: MerchantId) -> Result<Vec<(GroupId, i64)>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_as(
                "select g.id, coalesce(e.seq, 0) from chat_group g left join expiry e on e.group_id = g.id
                where g.merchant_id = $1 order by g.id",
            )
            .bind(merchant)
            .fetch_all(pool)
            .await
        })
    }

    /// Takes the content from some messages of a group after `seq` that are older than `cutoff`, and throws their files
    /// away. Answers how far it came; nothing where none is that old.
    #[tracing::instrument(level = "debug", name = "db.message.expire", skip_all)]
    pub async fn expire(
        &self,
        group: GroupId,
        seq: i64,
        cutoff: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<i64>, sqlx::Error> {
        let old: Vec<Said> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select seq, kind, body from message
                where group_id = $1 and seq > $2 and seq <= (
                    select max(seq) from (select seq, created_at from message where group_id = $1 and seq > $2
                        order by seq limit $4) a where created_at < $3)
                order by seq",
            )
            .bind(group)
            .bind(seq)
            .bind(cutoff)
            .bind(AT_ONCE)
            .fetch_all(pool)
            .await
        })?;
        let Some(last) = old.last().map(|row| row.seq) else {
            return Ok(None);
        };
        let mut transaction = self.blanked(group, &old, now).await?;
        on!(&mut transaction, within connection => {
            sqlx::query(
                "insert into expiry (group_id, seq) values ($1, $2)
                on conflict (group_id) do update set seq = excluded.seq where expiry.seq < excluded.seq",
            )
            .bind(group)
            .bind(last)
            .execute(&mut *connection)
            .await
            .map(drop)
        })?;
        transaction.commit().await?;
        Ok(Some(last))
    }
}
