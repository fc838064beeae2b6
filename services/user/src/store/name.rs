//! The names of deleted accounts in the database: held for a while, so that nobody is taken for who has just gone, and
//! only as hashes, so that nothing there says who that was.

use std::fmt;

use aws_lc_rs::hmac;
use chatroom_kit::{
    db::{Db, Transaction},
    on,
};
use chrono::{DateTime, Utc};

use super::Store;
use crate::domain::{NAME_HELD_FOR, Username};

/// What names are hashed with.
#[derive(Clone)]
pub(super) struct Salt(hmac::Key);

impl fmt::Debug for Salt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Salt")
    }
}

impl Salt {
    /// The one that the database was made with.
    pub(super) async fn read(db: &Db) -> Result<Self, sqlx::Error> {
        let salt: Vec<u8> = on!(db, read pool => {
            sqlx::query_scalar("select salt from name_salt").fetch_one(pool).await
        })?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &salt)))
    }

    fn hash(&self, key: &str) -> Vec<u8> {
        hmac::sign(&self.0, key.as_bytes()).as_ref().to_vec()
    }
}

impl Store {
    /// Whether the name cannot be registered: somebody bears it, or it is held since somebody bore it.
    #[tracing::instrument(level = "debug", name = "db.name.select", skip_all, err(level = "debug"))]
    pub async fn is_taken(&self, username: &Username, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar(
                "select exists (select 1 from account where username_key = $1)
                    or exists (select 1 from held_name where hash = $2 and held_until > $3)",
            )
            .bind(username.key())
            .bind(self.salt.hash(username.key()))
            .bind(now)
            .fetch_one(pool)
            .await
        })
    }

    /// Whether the name is held, as `transaction` sees it.
    pub(super) async fn is_held(
        &self,
        transaction: &mut Transaction,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        on!(transaction, within connection => {
            sqlx::query_scalar("select exists (select 1 from held_name where hash = $1 and held_until > $2)")
                .bind(self.salt.hash(key))
                .bind(now)
                .fetch_one(connection)
                .await
        })
    }

    /// Holds a name from now on, and forgets those that are no longer held.
    pub(super) async fn hold_name(
        &self,
        transaction: &mut Transaction,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        on!(transaction, within connection => {
            sqlx::query("delete from held_name where held_until <= $1").bind(now).execute(&mut *connection).await?;
            sqlx::query(
                "insert into held_name (hash, held_until) values ($1, $2)
                on conflict (hash) do update set held_until = excluded.held_until",
            )
            .bind(self.salt.hash(key))
            .bind(now + NAME_HELD_FOR)
            .execute(&mut *connection)
            .await
            .map(drop)
        })
    }
}
