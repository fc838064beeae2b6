//! Coming and going, and who is there.

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use super::{
    Changed, Store,
    locked::Locked,
    row::{MemberRow, all, member_columns},
};
use crate::{
    domain::{Change, GroupKind, Member, MemberId, MemberKind, Refusal, Role},
    error::Error,
};

impl Store {
    /// Makes `user` a member with this role. One who is a member already keeps the membership. Everything said before
    /// counts as read.
    #[tracing::instrument(level = "debug", name = "db.member.insert", skip_all)]
    pub async fn join(
        &self,
        group: GroupId,
        user: UserId,
        role: Role,
        now: DateTime<Utc>,
    ) -> Result<Changed<Member>, Error> {
        let mut locked = self.lock(group, now).await?;
        if locked.head.kind == GroupKind::Service {
            return Err(Refusal::GroupNotFound.into());
        }
        if let Some(member) = locked.member(user).await? {
            return Ok(locked.commit(member).await?);
        }
        locked.head.must_be_open()?;
        if locked.is_banned(user).await? {
            return Err(Refusal::Banned.into());
        }
        locked.append(Change::Joined { user, role }).await?;
        let member = locked.insert_member(user, role).await?;
        Ok(locked.commit(member).await?)
    }

    /// Ends a membership; nothing happens where there is none.
    #[tracing::instrument(level = "debug", name = "db.member.delete", skip_all)]
    pub async fn leave(&self, group: GroupId, user: UserId, now: DateTime<Utc>) -> Result<Changed<()>, Error> {
        let mut locked = self.lock(group, now).await?;
        let member = locked.member(user).await?;
        if locked.head.kind == GroupKind::Service {
            let refusal = member.map_or(Refusal::GroupNotFound, |_| Refusal::ServiceConversation);
            return Err(refusal.into());
        }
        let Some(member) = member else {
            return Ok(locked.commit(()).await?);
        };
        if member.role == Role::Owner {
            return Err(Refusal::OwnerCannotLeave.into());
        }
        locked.delete_member(user).await?;
        locked.append(Change::Left { user }).await?;
        Ok(locked.commit(()).await?)
    }

    /// A group's members in the order in which they joined: those after `after`, or the first ones.
    #[tracing::instrument(level = "debug", name = "db.member.list", skip_all)]
    pub async fn members(
        &self,
        group: GroupId,
        after: Option<TimeCursor<MemberKind>>,
        limit: i64,
    ) -> Result<Vec<Member>, sqlx::Error> {
        let (since, id) = TimeCursor::lower_bound(after);
        let rows: Vec<MemberRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", member_columns!(), " from member m
                where m.group_id = $1 and (m.created_at, m.id) > ($2, $3)
                order by m.created_at, m.id
                limit $4"
            ))
            .bind(group)
            .bind(since)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        all(rows)
    }
}

impl Locked {
    async fn is_banned(&mut self, user: UserId) -> Result<bool, sqlx::Error> {
        on!(&mut self.transaction, within connection => {
            sqlx::query_scalar("select exists (select 1 from ban where group_id = $1 and user_id = $2)")
                .bind(self.head.group)
                .bind(user)
                .fetch_one(&mut *connection)
                .await
        })
    }

    /// Writes a membership whose cursor stands at the group's head.
    async fn insert_member(&mut self, user: UserId, role: Role) -> Result<Member, sqlx::Error> {
        let member = Member {
            id: MemberId::new(),
            group: self.head.group,
            user,
            role,
            mute_until: None,
            version: 0,
            created_at: self.now,
            updated_at: self.now,
        };
        on!(&mut self.transaction, within connection => {
            // Someone who comes again may have spoken before.
            sqlx::query(
                "insert into member (id, group_id, user_id, role, read_seq, read_of_others, created_at, updated_at)
                values ($1, $2, $3, $4, $5,
                    $6 - coalesce((select own_number from message where group_id = $2 and sender = $3
                        order by seq desc limit 1), 0),
                    $7, $7)",
            )
            .bind(member.id)
            .bind(member.group)
            .bind(member.user)
            .bind(member.role.number())
            .bind(self.head.seq)
            .bind(self.head.number)
            .bind(self.now)
            .execute(&mut *connection)
            .await
            .map(drop)
        })?;
        self.count_members(1).await?;
        Ok(member)
    }

    /// Ends a membership.
    pub(super) async fn delete_member(&mut self, user: UserId) -> Result<(), sqlx::Error> {
        on!(&mut self.transaction, within connection => {
            sqlx::query("delete from member where group_id = $1 and user_id = $2")
                .bind(self.head.group)
                .bind(user)
                .execute(&mut *connection)
                .await
                .map(drop)
        })?;
        self.count_members(-1).await
    }

    async fn count_members(&mut self, more: i32) -> Result<(), sqlx::Error> {
        on!(&mut self.transaction, within connection => {
            sqlx::query("update chat_group set member_count = member_count + $2 where id = $1")
                .bind(self.head.group)
                .bind(more)
                .execute(&mut *connection)
                .await
                .map(drop)
        })
    }
}
