//! Issued activation codes in the database: hashed, each good for one page.

use chatroom_kit::tx;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, QueryBuilder};

use super::{REPEATABLE, Store, deed::insert_deed};
use crate::{
    code,
    domain::{BatchId, Deed, NewBatch},
    error::Error,
};

/// Uses an issued code up for a page, inside the transaction that opens the page; leaves the transaction with an
/// error where the code was not issued, has expired or has been used. A macro because a transaction's type differs
/// between the engines.
macro_rules! use_code {
    ($tx:ident, $code:expr, $merchant:expr, $now:expr) => {{
        let hash = $crate::code::hash($code);
        let used = sqlx::query(
            "update activation_code set merchant_id = $1
            where hash = $2 and merchant_id is null and (expires_at is null or expires_at > $3)",
        )
        .bind($merchant)
        .bind(&hash)
        .bind($now)
        .execute(&mut *$tx)
        .await?;
        if used.rows_affected() == 0 {
            let used_before: Option<bool> =
                sqlx::query_scalar("select merchant_id is not null from activation_code where hash = $1")
                    .bind(&hash)
                    .fetch_optional(&mut *$tx)
                    .await?;
            return Err(match used_before {
                Some(true) => $crate::error::Error::ActivationCodeUsed,
                Some(false) | None => $crate::error::Error::ActivationCodeInvalid,
            });
        }
    }};
}
pub(super) use use_code;

impl Store {
    /// Issues codes and answers them: the only time that they exist in full. A repeated request answers the same.
    #[tracing::instrument(level = "debug", name = "db.activation_code.insert", skip_all)]
    pub async fn issue_codes(&self, new: &NewBatch, now: DateTime<Utc>) -> Result<Vec<String>, Error> {
        let salt = code::random()?;
        let (secret, request_hash) = match new.request_id.clone() {
            None => (code::random()?, None),
            Some(id) => {
                let user = new.user;
                let secret = tokio::task::spawn_blocking(move || code::secret(user, id.as_str())).await?;
                let request_hash = code::request_hash(&secret);
                (secret, Some(request_hash))
            }
        };
        let batch = BatchId::new();
        tx!(&self.db, tx => {
            // Of a request that can no longer be repeated nothing stays that its codes could be made from.
            sqlx::query(
                "update activation_batch set request_hash = null, salt = $1
                where request_hash is not null and created_at <= $2",
            )
            .bind(Vec::<u8>::new())
            .bind(now - REPEATABLE)
            .execute(&mut *tx)
            .await?;
            let inserted = sqlx::query(
                "insert into activation_batch (id, user_id, request_hash, salt, count, expires_at, created_at)
                values ($1, $2, $3, $4, $5, $6, $7)
                on conflict (user_id, request_hash) do nothing",
            )
            .bind(batch)
            .bind(new.user)
            .bind(&request_hash)
            .bind(&salt)
            .bind(i32::from(new.count))
            .bind(new.expires_at)
            .bind(now)
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                let first: BatchRow = sqlx::query_as(
                    "select salt, count from activation_batch where user_id = $1 and request_hash = $2",
                )
                .bind(new.user)
                .bind(&request_hash)
                .fetch_one(&mut *tx)
                .await?;
                return Ok(first.codes(&secret));
            }
            let codes = code::codes(&salt, &secret, new.count);
            QueryBuilder::new("insert into activation_code (hash, batch_id, expires_at) ")
                .push_values(&codes, |mut row, code| {
                    row.push_bind(code::hash(code)).push_bind(batch).push_bind(new.expires_at);
                })
                .build()
                .execute(&mut *tx)
                .await?;
            insert_deed!(&mut *tx, &Deed::issuing(new.count, new.user, now))?;
            Ok(codes)
        })
    }
}

#[derive(FromRow)]
struct BatchRow {
    salt: Vec<u8>,
    count: i32,
}

impl BatchRow {
    fn codes(&self, secret: &[u8]) -> Vec<String> {
        // The column was written from a u16.
        code::codes(&self.salt, secret, u16::try_from(self.count).unwrap_or_default())
    }
}
