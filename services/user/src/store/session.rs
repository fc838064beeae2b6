//! The end of sessions in the database, and what of an account decides over a token.

use chatroom_kit::{db::Transaction, ids::UserId, on};
use chrono::{DateTime, Utc};

use super::{
    Store,
    change::Change,
    row::{AccountRow, account_columns},
};
use crate::domain::{Account, Session};

/// How many ended sessions of one user are told of, one by one.
const ENDED_AT_MOST: i64 = 500;

impl Store {
    /// The account with what proves that a caller owns it.
    #[tracing::instrument(level = "debug", name = "db.account.select_own", skip_all, err(level = "debug"))]
    pub async fn own_account(&self, id: UserId) -> Result<Option<Account>, sqlx::Error> {
        let row: Option<AccountRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", account_columns!(), " from account where id = $1"))
                .bind(id)
                .fetch_optional(pool)
                .await
        })?;
        row.map(Account::try_from).transpose()
    }

    /// Ends a session. Where too many of its user's are known to have ended, all others end with it: every process has to
    /// remember each by itself, and all of them together by one number.
    #[tracing::instrument(level = "debug", name = "db.session.end", skip_all, err(level = "debug"))]
    pub async fn end_session(&self, session: &Session, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        if self.ended_sessions(&mut transaction, session.user).await? < ENDED_AT_MOST {
            self.add_change(&mut transaction, session.user, Change::SessionEnded(&session.id), now).await?;
        } else {
            self.next_generation(&mut transaction, session.user, now).await?;
        }
        transaction.commit().await
    }

    /// How many sessions of a user are told of as ended.
    async fn ended_sessions(&self, transaction: &mut Transaction, user: UserId) -> Result<i64, sqlx::Error> {
        on!(transaction, within connection => {
            sqlx::query_scalar("select count(*) from account_change where user_id = $1 and session_id is not null")
                .bind(user)
                .fetch_one(connection)
                .await
        })
    }

    /// Tells no more of the ended sessions of a user, whose generation has ended with them.
    async fn forget_sessions(&self, transaction: &mut Transaction, user: UserId) -> Result<(), sqlx::Error> {
        on!(transaction, within connection => {
            sqlx::query("delete from account_change where user_id = $1 and session_id is not null")
                .bind(user)
                .execute(connection)
                .await
                .map(drop)
        })
    }

    /// Whether a session has ended by itself. One that all others of its user have ended with is known by its
    /// generation.
    #[tracing::instrument(level = "debug", name = "db.session.select", skip_all, err(level = "debug"))]
    pub async fn session_ended(&self, session: &Session) -> Result<bool, sqlx::Error> {
        let ended: Option<i64> = on!(&self.db, read pool => {
            sqlx::query_scalar("select seq from account_change where session_id = $1 and user_id = $2 limit 1")
                .bind(&*session.id)
                .bind(session.user)
                .fetch_optional(pool)
                .await
        })?;
        Ok(ended.is_some())
    }

    /// Ends all sessions of a user's; false where there is no such user.
    #[tracing::instrument(level = "debug", name = "db.session.end_all", skip_all, err(level = "debug"))]
    pub async fn end_sessions(&self, user: UserId, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let ended = self.next_generation(&mut transaction, user, now).await?;
        transaction.commit().await?;
        Ok(ended)
    }

    /// Gives an account another password, and ends all of its sessions. Nothing where it is not any more as it was when
    /// its owner was `proved`: its password is another, its sessions have ended, or it was disabled.
    #[tracing::instrument(level = "debug", name = "db.account.update_password", skip_all, err(level = "debug"))]
    pub async fn change_password(
        &self,
        proved: &Account,
        new: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let row: Option<AccountRow> = on!(&mut transaction, within connection => {
            sqlx::query_as(concat!(
                "update account set password_hash = $3, generation = generation + 1, version = version + 1, updated_at = $4
                where id = $1 and password_hash = $2 and generation = $5 and disabled_at is null
                returning ",
                account_columns!()
            ))
            .bind(proved.user.id)
            .bind(&*proved.password_hash)
            .bind(new)
            .bind(now)
            .bind(proved.generation)
            .fetch_optional(connection)
            .await
        })?;
        let Some(account) = row.map(Account::try_from).transpose()? else {
            return Ok(None);
        };
        self.forget_sessions(&mut transaction, account.user.id).await?;
        self.add_change(&mut transaction, account.user.id, Change::LeastGeneration(account.generation), now).await?;
        transaction.commit().await?;
        Ok(Some(account))
    }

    /// Counts up the generation of a user's tokens, and tells; false where there is no such user.
    pub(super) async fn next_generation(
        &self,
        transaction: &mut Transaction,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<bool, sqlx::Error> {
        let generation: Option<i32> = on!(transaction, within connection => {
            sqlx::query_scalar("update account set generation = generation + 1 where id = $1 returning generation")
                .bind(user)
                .fetch_optional(connection)
                .await
        })?;
        let Some(generation) = generation else {
            return Ok(false);
        };
        self.forget_sessions(transaction, user).await?;
        self.add_change(transaction, user, Change::LeastGeneration(generation), now).await?;
        Ok(true)
    }
}
