//! Webhooks, and how far each has been told. A group's events are a replica's to send for as long as its lease lasts:
//! whoever takes the cursor says until when, and only they move it.

use chatroom_kit::{
    ids::{GroupId, MerchantId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, row::json};
use crate::domain::{Delivery, NewWebhook, WEBHOOKS_MAX, Webhook, WebhookId};

/// The columns of a [`WebhookRow`].
macro_rules! webhook_columns {
    () => {
        "id, merchant_id, url, disabled_at, failing_since, last_error, version, created_at, updated_at"
    };
}

impl Store {
    /// Writes a webhook that is told of what happens from now on. One that is there gets the new secret, and is tried
    /// again where it stood. Nothing where the page has as many as it may.
    #[tracing::instrument(level = "debug", name = "db.webhook.insert", skip_all)]
    pub async fn create_webhook(&self, new: &NewWebhook, now: DateTime<Utc>) -> Result<Option<Webhook>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let row: Option<WebhookRow> = on!(&mut transaction, within connection => {
            let known: Option<WebhookRow> = sqlx::query_as(concat!(
                "update webhook set secret = $3, disabled_at = null, failing_since = null, last_error = null,
                    version = version + 1, updated_at = $4
                where merchant_id = $1 and url = $2 returning ", webhook_columns!()
            ))
            .bind(new.merchant)
            .bind(new.url.as_str())
            .bind(new.secret.expose())
            .bind(now)
            .fetch_optional(&mut *connection)
            .await?;
            if let Some(known) = known {
                sqlx::query("update webhook_cursor set next_at = $2, attempts = 0 where webhook_id = $1 and attempts > 0")
                    .bind(known.id)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                Some(known)
            } else {
                let fresh: Option<WebhookRow> = sqlx::query_as(concat!(
                    "insert into webhook (id, merchant_id, url, secret, created_at, updated_at)
                    select $1, $2, $3, $4, $5, $5
                    where (select count(*) from webhook where merchant_id = $2) < $6
                    on conflict (merchant_id, url) do update set secret = excluded.secret
                    returning ", webhook_columns!()
                ))
                .bind(WebhookId::new())
                .bind(new.merchant)
                .bind(new.url.as_str())
                .bind(new.secret.expose())
                .bind(now)
                .bind(WEBHOOKS_MAX)
                .fetch_optional(&mut *connection)
                .await?;
                if let Some(fresh) = &fresh {
                    sqlx::query(
                        "insert into webhook_cursor (webhook_id, group_id, seq, next_at)
                        select $1, id, head_seq, $3 from chat_group where merchant_id = $2 and kind = 0
                        on conflict (webhook_id, group_id) do nothing",
                    )
                    .bind(fresh.id)
                    .bind(new.merchant)
                    .bind(now)
                    .execute(&mut *connection)
                    .await?;
                }
                fresh
            }
        });
        transaction.commit().await?;
        Ok(row.map(Into::into))
    }

    /// A page's webhooks, oldest first.
    #[tracing::instrument(level = "debug", name = "db.webhook.list", skip_all)]
    pub async fn webhooks(&self, merchant: MerchantId) -> Result<Vec<Webhook>, sqlx::Error> {
        let rows: Vec<WebhookRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", webhook_columns!(), " from webhook where merchant_id = $1 order by created_at, id"
            ))
            .bind(merchant)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// The page of a webhook.
    #[tracing::instrument(level = "debug", name = "db.webhook.select", skip_all)]
    pub async fn webhook_page(&self, webhook: WebhookId) -> Result<Option<MerchantId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select merchant_id from webhook where id = $1").bind(webhook).fetch_optional(pool).await
        })
    }

    /// Ends a webhook.
    #[tracing::instrument(level = "debug", name = "db.webhook.delete", skip_all)]
    pub async fn delete_webhook(&self, webhook: WebhookId) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("delete from webhook where id = $1").bind(webhook).execute(pool).await.map(drop)
        })
    }

    /// Takes up to `limit` groups in which a webhook has not been told everything. They are nobody else's before
    /// `lease`. Those of `busy` webhooks are left for later.
    #[tracing::instrument(level = "debug", name = "db.webhook.claim", skip_all)]
    pub async fn claim_deliveries(
        &self,
        busy: &[WebhookId],
        limit: i64,
        now: DateTime<Utc>,
        lease: DateTime<Utc>,
    ) -> Result<Vec<Delivery>, sqlx::Error> {
        let statement = self.db.sql(
            "select w.id, w.merchant_id, w.url, w.secret, g.id as group_id, g.epoch
            from webhook w
            join chat_group g on g.merchant_id = w.merchant_id and g.kind = 0
            left join webhook_cursor c on c.webhook_id = w.id and c.group_id = g.id
            where w.disabled_at is null and w.id not in (select value from json_each($3))
                and g.head_seq > coalesce(c.seq, 0) and (c.next_at is null or c.next_at <= $1)
            order by c.next_at limit $2",
            "select w.id, w.merchant_id, w.url, w.secret, g.id as group_id, g.epoch
            from webhook w
            join chat_group g on g.merchant_id = w.merchant_id and g.kind = 0
            left join webhook_cursor c on c.webhook_id = w.id and c.group_id = g.id
            where w.disabled_at is null and w.id not in (select json_array_elements_text($3::json))
                and g.head_seq > coalesce(c.seq, 0) and (c.next_at is null or c.next_at <= $1)
            order by c.next_at limit $2",
        );
        let busy = json(&busy.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let due: Vec<DueRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(now).bind(limit).bind(busy).fetch_all(pool).await
        })?;
        let mut claimed = Vec::new();
        for due in due {
            // Of several replicas that have read the same, one takes it.
            let cursor: Option<(i64, i32)> = on!(&self.db, write pool => {
                sqlx::query_as(
                    "insert into webhook_cursor (webhook_id, group_id, seq, next_at)
                    select id, $2, 0, $4 from webhook where id = $1
                    on conflict (webhook_id, group_id) do update set next_at = excluded.next_at
                        where webhook_cursor.next_at <= $3
                    returning seq, attempts",
                )
                .bind(due.id)
                .bind(due.group_id)
                .bind(now)
                .bind(lease)
                .fetch_optional(pool)
                .await
            })?;
            claimed.extend(cursor.map(|(seq, attempts)| due.delivery(seq, attempts, lease)));
        }
        Ok(claimed)
    }

    /// Says that everything up to `seq` has arrived, where the lease still holds.
    #[tracing::instrument(level = "debug", name = "db.webhook.delivered", skip_all)]
    pub async fn delivered(&self, delivery: &Delivery, seq: i64, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query(
                "update webhook_cursor set seq = $4, next_at = $5, attempts = 0
                where webhook_id = $1 and group_id = $2 and next_at = $3",
            )
            .bind(delivery.webhook)
            .bind(delivery.group)
            .bind(delivery.lease)
            .bind(seq)
            .bind(now)
            .execute(pool)
            .await?;
            sqlx::query(
                "update webhook set failing_since = null, last_error = null where id = $1 and failing_since is not null",
            )
            .bind(delivery.webhook)
            .execute(pool)
            .await
            .map(drop)
        })
    }

    /// Says that nothing has arrived, and when it is tried again. A webhook that has failed since before `hopeless` is
    /// given up; answers whether it is.
    #[tracing::instrument(level = "debug", name = "db.webhook.failed", skip_all)]
    pub async fn not_delivered(
        &self,
        delivery: &Delivery,
        error: &str,
        now: DateTime<Utc>,
        next_at: DateTime<Utc>,
        hopeless: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query(
                "update webhook_cursor set next_at = $4, attempts = attempts + 1
                where webhook_id = $1 and group_id = $2 and next_at = $3",
            )
            .bind(delivery.webhook)
            .bind(delivery.group)
            .bind(delivery.lease)
            .bind(next_at)
            .execute(pool)
            .await?;
            let disabled: Option<bool> = sqlx::query_scalar(
                "update webhook set
                    last_error = $2,
                    failing_since = coalesce(failing_since, $3),
                    disabled_at = case when failing_since <= $4 then $3 else disabled_at end
                where id = $1 returning disabled_at is not null",
            )
            .bind(delivery.webhook)
            .bind(error)
            .bind(now)
            .bind(hopeless)
            .fetch_optional(pool)
            .await?;
            Ok(disabled.unwrap_or(false))
        })
    }
}

#[derive(FromRow)]
struct WebhookRow {
    id: WebhookId,
    merchant_id: MerchantId,
    url: String,
    disabled_at: Option<DateTime<Utc>>,
    failing_since: Option<DateTime<Utc>>,
    last_error: Option<String>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<WebhookRow> for Webhook {
    fn from(row: WebhookRow) -> Self {
        Self {
            id: row.id,
            merchant: row.merchant_id,
            url: row.url,
            disabled_at: row.disabled_at,
            failing_since: row.failing_since,
            last_error: row.last_error,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(FromRow)]
struct DueRow {
    id: WebhookId,
    merchant_id: MerchantId,
    url: String,
    secret: String,
    group_id: GroupId,
    epoch: String,
}

impl DueRow {
    fn delivery(self, seq: i64, attempts: i32, lease: DateTime<Utc>) -> Delivery {
        Delivery {
            webhook: self.id,
            merchant: self.merchant_id,
            url: self.url,
            secret: self.secret,
            group: self.group_id,
            epoch: self.epoch,
            seq,
            attempts,
            lease,
        }
    }
}
