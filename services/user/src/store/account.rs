//! Accounts in the database: how they are opened and found.

use chatroom_kit::{fields::RequestId, ids::UserId, on};
use chrono::{DateTime, Utc};

use super::{
    Store,
    row::{AccountRow, UserRow, account_columns, user_columns},
};
use crate::domain::{Account, NewAccount, User, Username};

impl Store {
    /// Opens an account; nothing where the name is taken, or held since it was a deleted account's.
    #[tracing::instrument(level = "debug", name = "db.account.insert", skip_all, err(level = "debug"))]
    pub async fn open_account(&self, new: &NewAccount, now: DateTime<Utc>) -> Result<Option<User>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let row: Option<UserRow> = on!(&mut transaction, within connection => {
            sqlx::query_as(concat!(
                "insert into account (id, username, username_key, password_hash, request_id, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $6)
                on conflict (username_key) do nothing
                returning ",
                user_columns!()
            ))
            .bind(UserId::new())
            .bind(new.username.as_str())
            .bind(new.username.key())
            .bind(&new.password_hash)
            .bind(new.request_id.as_ref().map(RequestId::as_str))
            .bind(now)
            .fetch_optional(connection)
            .await
        })?;
        // Looked for after the row was written: a deletion that this has waited for has given the name free and held it.
        if row.is_none() || self.is_held(&mut transaction, new.username.key(), now).await? {
            return Ok(None);
        }
        transaction.commit().await?;
        row.map(User::try_from).transpose()
    }

    /// The account that bears the name.
    #[tracing::instrument(level = "debug", name = "db.account.select_by_name", skip_all, err(level = "debug"))]
    pub async fn account(&self, username: &Username) -> Result<Option<Account>, sqlx::Error> {
        let row: Option<AccountRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", account_columns!(), " from account where username_key = $1"))
                .bind(username.key())
                .fetch_optional(pool)
                .await
        })?;
        row.map(Account::try_from).transpose()
    }

    /// The account without its secrets.
    #[tracing::instrument(level = "debug", name = "db.account.select", skip_all, err(level = "debug"))]
    pub async fn user(&self, id: UserId) -> Result<Option<User>, sqlx::Error> {
        let row: Option<UserRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", user_columns!(), " from account where id = $1"))
                .bind(id)
                .fetch_optional(pool)
                .await
        })?;
        row.map(User::try_from).transpose()
    }

    /// The accounts without their secrets, in no order; an id of nobody is left out.
    #[tracing::instrument(level = "debug", name = "db.account.select_many", skip_all, err(level = "debug"))]
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, sqlx::Error> {
        let statement = self.db.sql(
            concat!("select ", user_columns!(), " from account where id in (select value from json_each($1))"),
            concat!(
                "select ",
                user_columns!(),
                " from account where id in (select json_array_elements_text($1::json))"
            ),
        );
        // Ids are hex digits, which JSON takes as they are.
        let ids = ids.iter().map(UserId::to_string).collect::<serde_json::Value>().to_string();
        let rows: Vec<UserRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(ids).fetch_all(pool).await
        })?;
        rows.into_iter().map(User::try_from).collect()
    }
}
