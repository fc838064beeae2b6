//! How users are shown, in the database.

use chatroom_kit::{ids::UserId, on};
use chrono::{DateTime, Utc};

use super::{Store, change::Change};
use crate::domain::{Avatar, Nickname, ProfileUpdate, User};

impl Store {
    /// Changes how a user is shown, and tells; nothing where there is no such user. What is so already stays as it is.
    #[tracing::instrument(level = "debug", name = "db.account.update_profile", skip_all, err(level = "debug"))]
    pub async fn update_profile(
        &self,
        user: UserId,
        update: &ProfileUpdate,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        let changed = on!(&mut transaction, within connection => {
            sqlx::query(
                "update account set
                    nickname = coalesce($2, nickname),
                    avatar = coalesce($3, avatar),
                    version = version + 1,
                    updated_at = $4
                where id = $1 and deleted_at is null
                    and (nickname <> coalesce($2, nickname) or avatar <> coalesce($3, avatar))",
            )
            .bind(user)
            .bind(update.nickname.as_ref().map(Nickname::as_str))
            .bind(update.avatar.as_ref().map(Avatar::as_str))
            .bind(now)
            .execute(connection)
            .await
            .map(|done| done.rows_affected() > 0)
        })?;
        if changed {
            self.add_change(&mut transaction, user, Change::Profile, now).await?;
        }
        transaction.commit().await?;
        self.user(user).await
    }

    /// Whether an uploaded file is anybody's picture.
    #[tracing::instrument(level = "debug", name = "db.account.select_by_avatar", skip_all, err(level = "debug"))]
    pub async fn is_avatar(&self, path: &str) -> Result<bool, sqlx::Error> {
        on!(&self.db, read pool => {
            // The second condition lets the index be used, which knows only accounts with pictures.
            sqlx::query_scalar("select exists (select 1 from account where avatar = $1 and avatar <> '')")
                .bind(path)
                .fetch_one(pool)
                .await
        })
    }
}
