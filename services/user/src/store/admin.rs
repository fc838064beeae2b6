//! What administrators and operators do to accounts in the database.

use chatroom_kit::{ids::UserId, on};
use chrono::{DateTime, Utc};

use super::{
    Store,
    row::{AccountRow, UserRow, account_columns, user_columns},
};
use crate::domain::{Account, DeedKind, Role, User, Username};

impl Store {
    /// Gives the user a role, on the command line; nothing where nobody bears the name. One who has it already stays as
    /// they are.
    #[tracing::instrument(level = "debug", name = "db.account.update_role", skip_all, err(level = "debug"))]
    pub async fn set_role(
        &self,
        username: &Username,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let changed: Option<UserRow> = on!(&mut transaction, within connection => {
            sqlx::query_as(concat!(
                "update account set role = $2, version = version + 1, updated_at = $3
                where username_key = $1 and role <> $2 returning ",
                user_columns!()
            ))
            .bind(username.key())
            .bind(i16::from(role.number()))
            .bind(now)
            .fetch_optional(connection)
            .await
        })?;
        let Some(changed) = changed else {
            // Its connection may be the only one.
            transaction.commit().await?;
            return Ok(self.account(username).await?.map(|account| account.user));
        };
        let user = User::try_from(changed)?;
        let kind = match role {
            Role::Administrator => DeedKind::AdministratorMade,
            Role::User => DeedKind::AdministratorUnmade,
        };
        self.add_deed(&mut transaction, kind, None, user.id, now).await?;
        transaction.commit().await?;
        Ok(Some(user))
    }

    /// Ends all sessions of an account, in an administrator's name; nothing where there is no such account.
    #[tracing::instrument(level = "debug", name = "db.account.end_sessions", skip_all, err(level = "debug"))]
    pub async fn end_sessions_of(
        &self,
        user: UserId,
        by: UserId,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        if !self.next_generation(&mut transaction, user, now).await? {
            return Ok(None);
        }
        self.add_deed(&mut transaction, DeedKind::SessionsEnded, Some(by), user, now).await?;
        transaction.commit().await?;
        self.own_account(user).await
    }

    /// Disables an account or lets it be used again, in an administrator's name, and ends all of its sessions where it is disabled; nothing where
    /// there is no such account. One that is as it should be stays as it is.
    #[tracing::instrument(level = "debug", name = "db.account.update_disabled", skip_all, err(level = "debug"))]
    pub async fn set_disabled(
        &self,
        user: UserId,
        disabled: bool,
        by: UserId,
        now: DateTime<Utc>,
    ) -> Result<Option<Account>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let changed = on!(&mut transaction, within connection => {
            sqlx::query(
                "update account set disabled_at = $3, version = version + 1, updated_at = $4
                where id = $1 and (disabled_at is null) = $2 and deleted_at is null",
            )
            .bind(user)
            .bind(disabled)
            .bind(disabled.then_some(now))
            .bind(now)
            .execute(connection)
            .await
            .map(|done| done.rows_affected() > 0)
        })?;
        if changed && disabled {
            self.next_generation(&mut transaction, user, now).await?;
        }
        if changed {
            let kind = if disabled { DeedKind::Disabled } else { DeedKind::Enabled };
            self.add_deed(&mut transaction, kind, Some(by), user, now).await?;
        }
        transaction.commit().await?;
        self.own_account(user).await
    }

    /// The accounts whose names' keys begin with `prefix`, in the order of the keys: those after the key `after`, or the
    /// first ones, each with its key.
    #[tracing::instrument(level = "debug", name = "db.account.find", skip_all, err(level = "debug"))]
    pub async fn find_accounts(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Account>, sqlx::Error> {
        let statement = self.db.sql(
            concat!(
                "select ",
                account_columns!(),
                " from account
                where username_key >= $1 and username_key < $2 and deleted_at is null
                    and ($3 is null or username_key > $3)
                order by username_key limit $4"
            ),
            // Byte by byte, as the index has it: in a language's own order what begins alike need not stand together.
            concat!(
                "select ",
                account_columns!(),
                " from account
                where username_key collate \"C\" >= $1 and username_key collate \"C\" < $2 and deleted_at is null
                    and ($3 is null or username_key collate \"C\" > $3)
                order by username_key collate \"C\" limit $4"
            ),
        );
        // What was listed before is not read again.
        let begin = after.filter(|after| *after > prefix).unwrap_or(prefix);
        // Behind every name that begins so: it is no character that a name can have.
        let end = format!("{prefix}{}", char::MAX);
        let rows: Vec<AccountRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(begin).bind(&end).bind(after).bind(limit).fetch_all(pool).await
        })?;
        rows.into_iter().map(Account::try_from).collect()
    }
}
