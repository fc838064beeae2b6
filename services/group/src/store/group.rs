//! Groups: opening them, listing a page's, and reaching one.

use chatroom_kit::{
    cursor::TimeCursor,
    fields::RequestId,
    ids::{self, GroupId, Id, MerchantId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    REPEATABLE, Store,
    row::{GroupRow, MemberRow, all, group_columns, member_columns},
    upload,
};
use crate::{
    domain::{Access, GROUPS_MAX, Group, ListedGroup, MemberId, NewGroup, Refusal, Role},
    error::Error,
};

/// What an epoch is called.
pub(super) enum EpochKind {}
/// A new epoch: any value that was never used before will do.
pub(super) type Epoch = Id<EpochKind>;

impl Store {
    /// Opens a group, its creator in it as the owner, in one transaction. A repeated request answers the group that
    /// the first one opened. Groups opened at the same moment may be some more than a page may have.
    #[tracing::instrument(level = "debug", name = "db.group.insert", skip_all)]
    pub async fn create_group(&self, new: &NewGroup, now: DateTime<Utc>) -> Result<Group, Error> {
        let group = Group::opened(new, now);
        let request_id = new.request_id.as_ref().map(RequestId::as_str);
        let mut transaction = self.db.begin().await?;
        on!(&mut transaction, within connection => {
            if request_id.is_some() {
                sqlx::query(
                    "update chat_group set request_id = null
                    where user_id = $1 and request_id = $2 and created_at <= $3",
                )
                .bind(group.user)
                .bind(request_id)
                .bind(now - REPEATABLE)
                .execute(&mut *connection)
                .await?;
            }
            // Waits for a concurrent request of the same id, whose group is then found.
            let inserted = sqlx::query(
                "insert into chat_group
                    (id, user_id, merchant_id, name, icon, request_id, epoch, member_count, created_at, updated_at)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
                on conflict (user_id, request_id) do nothing",
            )
            .bind(group.id)
            .bind(group.user)
            .bind(group.merchant)
            .bind(&group.name)
            .bind(&group.icon)
            .bind(request_id)
            .bind(Epoch::new())
            .bind(group.member_count)
            .bind(now)
            .execute(&mut *connection)
            .await?;
            if inserted.rows_affected() == 0 {
                let first: GroupRow = sqlx::query_as(concat!(
                    "select ", group_columns!(), " from chat_group g where g.user_id = $1 and g.request_id = $2"
                ))
                .bind(group.user)
                .bind(request_id)
                .fetch_one(&mut *connection)
                .await?;
                // The rest of the transaction is given up: it has only forgotten what is too old to be repeated.
                return Ok(first.try_into()?);
            }
            let groups: i64 = sqlx::query_scalar("select count(*) from chat_group where merchant_id = $1 and kind = 0")
                .bind(group.merchant)
                .fetch_one(&mut *connection)
                .await?;
            if groups > GROUPS_MAX {
                return Err(Refusal::TooManyGroups.into());
            }
            sqlx::query(
                "insert into member (id, group_id, user_id, role, created_at, updated_at) values ($1, $2, $3, $4, $5, $5)",
            )
            .bind(MemberId::new())
            .bind(group.id)
            .bind(group.user)
            .bind(Role::Owner.number())
            .bind(now)
            .execute(&mut *connection)
            .await?;
        });
        upload::show(&mut transaction, group.id, &group.icon).await?;
        transaction.commit().await?;
        Ok(group)
    }

    /// A page's group chats, oldest first, and whether `viewer` is in them: those after `after`, or the first ones. A
    /// dismissed one is listed for its members only.
    #[tracing::instrument(level = "debug", name = "db.group.list", skip_all)]
    pub async fn groups(
        &self,
        merchant: MerchantId,
        viewer: UserId,
        after: Option<TimeCursor<ids::Group>>,
        limit: i64,
    ) -> Result<Vec<ListedGroup>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<ListedRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", group_columns!(), ", m.id is not null as joined
                from chat_group g left join member m on m.group_id = g.id and m.user_id = $2
                where g.merchant_id = $1 and g.kind = 0 and (g.created_at, g.id) > ($3, $4)
                    and (g.dismissed_at is null or m.id is not null)
                order by g.created_at, g.id
                limit $5"
            ))
            .bind(merchant)
            .bind(viewer)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        all(rows)
    }

    /// A group as `user` reaches it.
    #[tracing::instrument(level = "debug", name = "db.group.select", skip_all)]
    pub async fn access(&self, group: GroupId, user: UserId) -> Result<Option<Access>, sqlx::Error> {
        let reached: Option<ReachedRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", group_columns!(), ", g.epoch, g.head_seq from chat_group g where g.id = $1"))
                .bind(group)
                .fetch_optional(pool)
                .await
        })?;
        let Some(reached) = reached else {
            return Ok(None);
        };
        let member: Option<MemberRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!("select ", member_columns!(), " from member m where m.group_id = $1 and m.user_id = $2"))
                .bind(group)
                .bind(user)
                .fetch_optional(pool)
                .await
        })?;
        Ok(Some(Access {
            group: reached.group.try_into()?,
            epoch: reached.epoch,
            head_seq: reached.head_seq,
            member: member.map(TryInto::try_into).transpose()?,
        }))
    }
}

#[derive(FromRow)]
struct ListedRow {
    #[sqlx(flatten)]
    group: GroupRow,
    joined: bool,
}

impl TryFrom<ListedRow> for ListedGroup {
    type Error = sqlx::Error;

    fn try_from(row: ListedRow) -> Result<Self, sqlx::Error> {
        Ok(Self { group: row.group.try_into()?, joined: row.joined })
    }
}

#[derive(FromRow)]
struct ReachedRow {
    #[sqlx(flatten)]
    group: GroupRow,
    epoch: String,
    head_seq: i64,
}
