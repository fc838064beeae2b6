//! Group chats and their members in the database. Owns the SQL.

use chatroom_kit::{
    db::Db,
    fields::RequestId,
    ids::{GroupId, MerchantId, UserId},
    on, tx,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use crate::domain::{Cursor, Group, ListedGroup, MemberId, NewGroup};

/// How long a request can be repeated.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// The group service's database.
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

    /// Opens a group, its creator in it, in one transaction. A repeated request answers the group that the first one
    /// opened.
    #[tracing::instrument(level = "debug", name = "db.group.insert", skip_all)]
    pub async fn create_group(&self, new: &NewGroup, now: DateTime<Utc>) -> Result<Group, sqlx::Error> {
        let group = Group {
            id: GroupId::new(),
            user: new.user,
            merchant: new.merchant,
            name: new.name.as_str().to_owned(),
            icon: new.icon.as_str().to_owned(),
            version: 0,
            created_at: now,
            updated_at: now,
        };
        let request_id = new.request_id.as_ref().map(RequestId::as_str);
        tx!(&self.db, tx => {
            if request_id.is_some() {
                sqlx::query(
                    "update chat_group set request_id = null
                    where user_id = $1 and request_id = $2 and created_at <= $3",
                )
                .bind(group.user)
                .bind(request_id)
                .bind(now - REPEATABLE)
                .execute(&mut *tx)
                .await?;
            }
            // Waits for a concurrent request of the same id, whose group is then found.
            let inserted = sqlx::query(
                "insert into chat_group (id, user_id, merchant_id, name, icon, request_id, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $7, $7)
                on conflict (user_id, request_id) do nothing",
            )
            .bind(group.id)
            .bind(group.user)
            .bind(group.merchant)
            .bind(&group.name)
            .bind(&group.icon)
            .bind(request_id)
            .bind(now)
            .execute(&mut *tx)
            .await?;
            if inserted.rows_affected() == 0 {
                let first: GroupRow = sqlx::query_as(
                    "select id, user_id, merchant_id, name, icon, version, created_at, updated_at
                    from chat_group where user_id = $1 and request_id = $2",
                )
                .bind(group.user)
                .bind(request_id)
                .fetch_one(&mut *tx)
                .await?;
                return Ok(first.into());
            }
            sqlx::query("insert into member (id, group_id, user_id, created_at, updated_at) values ($1, $2, $3, $4, $4)")
                .bind(MemberId::new())
                .bind(group.id)
                .bind(group.user)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            Ok(group)
        })
    }

    /// A page's groups, oldest first, and whether `viewer` is in them: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.group.list", skip_all)]
    pub async fn groups(
        &self,
        merchant: MerchantId,
        viewer: UserId,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<ListedGroup>, sqlx::Error> {
        // Before any row: ids are hex digits, and no group was opened in 1970.
        let (since, id) =
            after.map_or((DateTime::UNIX_EPOCH, String::new()), |cursor| (cursor.created_at, cursor.id.to_string()));
        let rows: Vec<ListedRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select g.id, g.user_id, g.name, g.icon, g.version, g.created_at, g.updated_at, m.id is not null
                from chat_group g left join member m on m.group_id = g.id and m.user_id = $2
                where g.merchant_id = $1 and (g.created_at, g.id) > ($3, $4)
                order by g.created_at, g.id
                limit $5",
            )
            .bind(merchant)
            .bind(viewer)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(|row| row.listed(merchant)).collect())
    }
}

#[derive(FromRow)]
struct GroupRow {
    id: GroupId,
    user_id: UserId,
    merchant_id: MerchantId,
    name: String,
    icon: String,
    version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Self {
        Self {
            id: row.id,
            user: row.user_id,
            merchant: row.merchant_id,
            name: row.name,
            icon: row.icon,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// A group's columns, but for its page, in the order of the list's statement.
#[derive(FromRow)]
struct ListedRow(GroupId, UserId, String, String, i32, DateTime<Utc>, DateTime<Utc>, bool);

impl ListedRow {
    fn listed(self, merchant: MerchantId) -> ListedGroup {
        let group = Group {
            id: self.0,
            user: self.1,
            merchant,
            name: self.2,
            icon: self.3,
            version: self.4,
            created_at: self.5,
            updated_at: self.6,
        };
        ListedGroup { group, joined: self.7 }
    }
}
