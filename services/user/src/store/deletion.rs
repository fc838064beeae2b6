//! Deleted accounts in the database: how one is emptied, and which services have still to take away what they hold.

use chatroom_kit::{db::Transaction, ids::UserId, on};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{Store, change::Change};
use crate::domain::{Account, DELETED_NAME, DeedKind, Deletion, HOLDERS};

impl Store {
    /// Deletes an account: its sessions end, its name is held, its row says nothing of its owner any more. False where it
    /// is not any more as it was when its owner was `proved`.
    #[tracing::instrument(level = "debug", name = "db.account.delete", skip_all, err(level = "debug"))]
    pub async fn delete_account(
        &self,
        proved: &Account,
        erase_messages: bool,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        let user = proved.user.id;
        let mut transaction = self.db.begin().await?;
        let Some(removed) = self.lock_proved(&mut transaction, proved).await? else {
            return Ok(false);
        };
        self.empty(&mut transaction, user, now).await?;
        self.hold_name(&mut transaction, &removed.username_key, now).await?;
        for service in HOLDERS {
            on!(&mut transaction, within connection => {
                sqlx::query(
                    "insert into deletion (user_id, service, erase_messages, avatar, deleted_at)
                    values ($1, $2, $3, $4, $5)",
                )
                .bind(user)
                .bind(service)
                .bind(erase_messages)
                .bind(&removed.avatar)
                .bind(now)
                .execute(connection)
                .await
                .map(drop)
            })?;
        }
        self.add_deed(&mut transaction, DeedKind::Deleted, Some(user), user, now).await?;
        self.next_generation(&mut transaction, user, now).await?;
        self.add_change(&mut transaction, user, Change::Profile, now).await?;
        transaction.commit().await?;
        self.db.wipe().await;
        Ok(true)
    }

    /// Holds an account's row, where it is as it was when its owner was `proved`.
    async fn lock_proved(
        &self,
        transaction: &mut Transaction,
        proved: &Account,
    ) -> Result<Option<Removed>, sqlx::Error> {
        on!(transaction, within connection => {
            // Locks the row on both engines.
            sqlx::query_as(
                "update account set version = version + 1
                where id = $1 and password_hash = $2 and generation = $3 and disabled_at is null and deleted_at is null
                returning username_key, avatar",
            )
            .bind(proved.user.id)
            .bind(&*proved.password_hash)
            .bind(proved.generation)
            .fetch_optional(connection)
            .await
        })
    }

    async fn empty(&self, transaction: &mut Transaction, user: UserId, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        on!(transaction, within connection => {
            // Case is folded in every name's key, so that this one is nobody's; no password verifies with no hash.
            sqlx::query(
                "update account set username = $2, username_key = 'DELETED ' || id, password_hash = '', nickname = $2,
                    avatar = '', role = 0, request_id = null, deleted_at = $3, updated_at = $3
                where id = $1",
            )
            .bind(user)
            .bind(DELETED_NAME)
            .bind(now)
            .execute(connection)
            .await
            .map(drop)
        })
    }

    /// The deleted accounts of which a service has still to take away what it holds, those deleted first first.
    #[tracing::instrument(level = "debug", name = "db.deletion.list", skip_all, err(level = "debug"))]
    pub async fn deletions(&self, service: &str, limit: i64) -> Result<Vec<Deletion>, sqlx::Error> {
        let rows: Vec<DeletionRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select user_id, erase_messages, avatar, deleted_at from deletion
                where service = $1 order by deleted_at, user_id limit $2",
            )
            .bind(service)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(Into::into).collect())
    }

    /// Forgets that a service has something to take away of an account.
    #[tracing::instrument(level = "debug", name = "db.deletion.delete", skip_all, err(level = "debug"))]
    pub async fn confirm_deletion(&self, service: &str, user: UserId) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("delete from deletion where user_id = $1 and service = $2")
                .bind(user)
                .bind(service)
                .execute(pool)
                .await
                .map(drop)
        })?;
        // Again, since a reader may have been in the way when the account was emptied.
        self.db.wipe().await;
        Ok(())
    }
}

/// What an account's row said before it was emptied, and is still needed.
#[derive(FromRow)]
struct Removed {
    username_key: String,
    avatar: String,
}

#[derive(FromRow)]
struct DeletionRow {
    user_id: UserId,
    erase_messages: bool,
    avatar: String,
    deleted_at: DateTime<Utc>,
}

impl From<DeletionRow> for Deletion {
    fn from(row: DeletionRow) -> Self {
        Self { user: row.user_id, erase_messages: row.erase_messages, avatar: row.avatar, deleted_at: row.deleted_at }
    }
}
