//! Accounts in the database. Owns their SQL.

use chatroom_kit::{db::Db, fields::RequestId, ids::UserId, on};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use crate::domain::{Account, NewAccount, Role, User, Username};

/// The user service's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
}

impl Store {
    /// Opens the database at `url` and brings it up to date.
    pub async fn open(url: &str, connections: u32) -> anyhow::Result<Self> {
        let db = Db::open(url, connections, &chatroom_kit::migrations!()).await?;
        Ok(Self { db })
    }

    /// Opens an account; nothing where the name is taken.
    #[tracing::instrument(level = "debug", name = "db.account.insert", skip_all, err(level = "debug"))]
    pub async fn open_account(&self, new: &NewAccount, now: DateTime<Utc>) -> Result<Option<User>, sqlx::Error> {
        let row: Option<UserRow> = on!(&self.db, write pool => {
            sqlx::query_as(
                "insert into account (id, username, username_key, password_hash, request_id, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $6)
                on conflict (username_key) do nothing
                returning id, username, nickname, avatar, role, version, created_at, updated_at",
            )
            .bind(UserId::new())
            .bind(new.username.as_str())
            .bind(new.username.key())
            .bind(&new.password_hash)
            .bind(new.request_id.as_ref().map(RequestId::as_str))
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        row.map(User::try_from).transpose()
    }

    /// The account that bears the name.
    #[tracing::instrument(level = "debug", name = "db.account.select_by_name", skip_all, err(level = "debug"))]
    pub async fn account(&self, username: &Username) -> Result<Option<Account>, sqlx::Error> {
        let row: Option<AccountRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select id, username, nickname, avatar, role, version, created_at, updated_at, password_hash, request_id
                from account where username_key = $1",
            )
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
            sqlx::query_as(
                "select id, username, nickname, avatar, role, version, created_at, updated_at
                from account where id = $1",
            )
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
            "select id, username, nickname, avatar, role, version, created_at, updated_at
            from account where id in (select value from json_each($1))",
            "select id, username, nickname, avatar, role, version, created_at, updated_at
            from account where id in (select json_array_elements_text($1::json))",
        );
        // Ids are hex digits, which JSON takes as they are.
        let ids = ids.iter().map(UserId::to_string).collect::<serde_json::Value>().to_string();
        let rows: Vec<UserRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(ids).fetch_all(pool).await
        })?;
        rows.into_iter().map(User::try_from).collect()
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

    /// Makes the user an administrator; nothing where nobody bears the name. One who is an administrator already
    /// stays as they are.
    #[tracing::instrument(level = "debug", name = "db.account.update_role", skip_all, err(level = "debug"))]
    pub async fn make_administrator(
        &self,
        username: &Username,
        now: DateTime<Utc>,
    ) -> Result<Option<User>, sqlx::Error> {
        let row: Option<UserRow> = on!(&self.db, write pool => {
            sqlx::query_as(
                "update account set
                    role = $2,
                    version = case when role = $2 then version else version + 1 end,
                    updated_at = case when role = $2 then updated_at else $3 end
                where username_key = $1
                returning id, username, nickname, avatar, role, version, created_at, updated_at",
            )
            .bind(username.key())
            .bind(i16::from(Role::Administrator.number()))
            .bind(now)
            .fetch_optional(pool)
            .await
        })?;
        row.map(User::try_from).transpose()
    }
}

#[derive(FromRow)]
struct UserRow {
    id: UserId,
    username: String,
    nickname: String,
    avatar: String,
    role: i16,
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
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

#[derive(FromRow)]
struct AccountRow {
    #[sqlx(flatten)]
    user: UserRow,
    password_hash: String,
    request_id: Option<String>,
}

impl TryFrom<AccountRow> for Account {
    type Error = sqlx::Error;

    fn try_from(row: AccountRow) -> Result<Self, sqlx::Error> {
        Ok(Self { user: row.user.try_into()?, password_hash: row.password_hash.into(), request_id: row.request_id })
    }
}
