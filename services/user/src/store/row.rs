//! Rows as statements answer them, their columns, and the domain values that they become.

use chatroom_kit::ids::UserId;
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use crate::domain::{Account, Role, User};

/// The columns of a [`UserRow`].
macro_rules! user_columns {
    () => {
        "id, username, nickname, avatar, role, deleted_at, version, created_at, updated_at"
    };
}
pub(super) use user_columns;

/// The columns of an [`AccountRow`].
macro_rules! account_columns {
    () => {
        "id, username, nickname, avatar, role, deleted_at, version, created_at, updated_at, password_hash, request_id,
        generation, disabled_at"
    };
}
pub(super) use account_columns;

#[derive(FromRow)]
pub(super) struct UserRow {
    id: UserId,
    username: String,
    nickname: String,
    avatar: String,
    role: i16,
    deleted_at: Option<DateTime<Utc>>,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<UserRow> for User {
    type Error = sqlx::Error;

    fn try_from(row: UserRow) -> Result<Self, sqlx::Error> {
        let role = Role::from_number(row.role);
        Ok(Self {
            id: row.id,
            username: row.username,
            nickname: row.nickname,
            avatar: row.avatar,
            role: role.ok_or_else(|| sqlx::Error::Decode(format!("there is no role {}", row.role).into()))?,
            deleted: row.deleted_at.is_some(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

#[derive(FromRow)]
pub(super) struct AccountRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
    request_id: Option<String>,
    generation: i32,
    disabled_at: Option<DateTime<Utc>>,
}

impl TryFrom<AccountRow> for Account {
    type Error = sqlx::Error;

    fn try_from(row: AccountRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            user: row.user.try_into()?,
            password_hash: row.password_hash.into(),
            request_id: row.request_id,
            generation: row.generation,
            disabled_at: row.disabled_at,
        })
    }
}
