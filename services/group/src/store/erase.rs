//! What someone has said, as it is given to them and taken away, and the end of their memberships.

use chatroom_kit::{
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};

use sqlx::FromRow;

use super::{
    Changed, Store,
    blank::{AT_ONCE, Said},
    row::{MessageRow, all, select_messages},
};
use crate::{
    domain::{Change, Message},
    error::Error,
};

impl Store {
    /// What a user has said, group by group: what stands after a place in a group, or from the beginning.
    #[tracing::instrument(level = "debug", name = "db.message.export", skip_all)]
    pub async fn said_by(
        &self,
        user: UserId,
        after: Option<(GroupId, i64)>,
        limit: i64,
    ) -> Result<Vec<Message>, sqlx::Error> {
        let (group, seq) = after.map_or((String::new(), 0), |(group, seq)| (group.to_string(), seq));
        let rows: Vec<MessageRow> = on!(&self.db, read pool => {
            // Group by group through the index of senders: there is none over all groups, which each message would pay.
            sqlx::query_as(select_messages!(
                "chat_group g cross join",
                "where g.id >= $2 and t.group_id = g.id and t.sender = $1 and (g.id > $2 or t.seq > $3)
                order by g.id, t.seq limit $4"
            ))
            .bind(user)
            .bind(group)
            .bind(seq)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        all(rows)
    }

    /// Takes the content from some of what a user has said, group by group: from what stands after a place in a group, or
    /// from the beginning. Answers how far it came; nothing where nothing is left.
    #[tracing::instrument(level = "debug", name = "db.message.erase", skip_all)]
    pub async fn erase_said(
        &self,
        user: UserId,
        after: Option<(GroupId, i64)>,
        now: DateTime<Utc>,
    ) -> Result<Option<(GroupId, i64)>, sqlx::Error> {
        let (group, seq) = after.map_or((String::new(), 0), |(group, seq)| (group.to_string(), seq));
        let rows: Vec<SaidRow> = on!(&self.db, read pool => {
            // As in `said_by`.
            sqlx::query_as(
                "select t.group_id, t.seq, t.kind, t.body from chat_group g cross join message t
                where g.id >= $2 and t.group_id = g.id and t.sender = $1 and (g.id > $2 or t.seq > $3)
                    and t.body is not null
                order by g.id, t.seq limit $4",
            )
            .bind(user)
            .bind(group)
            .bind(seq)
            .bind(AT_ONCE)
            .fetch_all(pool)
            .await
        })?;
        // One group's at a time: whoever holds several files holds them in one order.
        let Some(group) = rows.first().map(|row| row.group_id) else {
            return Ok(None);
        };
        let said: Vec<_> = rows.into_iter().take_while(|row| row.group_id == group).map(|row| row.said).collect();
        self.blanked(group, &said, now).await?.commit().await?;
        Ok(said.last().map(|last| (group, last.seq)))
    }

    /// Takes the words from what a user has reported.
    #[tracing::instrument(level = "debug", name = "db.report.erase", skip_all)]
    pub async fn blank_reports(&self, reporter: UserId) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("update report set reason = '' where reporter_id = $1 and reason <> ''")
                .bind(reporter)
                .execute(pool)
                .await
                .map(drop)
        })
    }

    /// The groups that a user is in.
    #[tracing::instrument(level = "debug", name = "db.member.groups", skip_all)]
    pub async fn groups_of(&self, user: UserId) -> Result<Vec<GroupId>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar("select group_id from member where user_id = $1 order by group_id")
                .bind(user)
                .fetch_all(pool)
                .await
        })
    }

    /// Ends a membership whatever it is: its user is about to be gone.
    #[tracing::instrument(level = "debug", name = "db.member.erase", skip_all)]
    pub async fn end_membership(
        &self,
        group: GroupId,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<Changed<bool>, Error> {
        let mut locked = self.lock(group, now).await?;
        if locked.member(user).await?.is_none() {
            return Ok(locked.commit(false).await?);
        }
        locked.delete_member(user).await?;
        locked.append(Change::Left { user }).await?;
        Ok(locked.commit(true).await?)
    }

    /// Forgets whom a user has blocked and who has blocked them.
    #[tracing::instrument(level = "debug", name = "db.block.erase", skip_all)]
    pub async fn forget_blocks(&self, user: UserId) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("delete from block where blocker_id = $1 or blocked_id = $1")
                .bind(user)
                .execute(pool)
                .await
                .map(drop)
        })
    }
}

#[derive(FromRow)]
struct SaidRow {
    group_id: GroupId,
    #[sqlx(flatten)]
    said: Said,
}
