//! Who wants to hear nothing of whom.

use std::collections::HashSet;

use chatroom_kit::{cursor::TimeCursor, ids::UserId, on};
use chrono::{DateTime, Utc};

use super::{Store, locked::Locked, row::json};
use crate::domain::{BLOCKS_MAX, Block, Draft, GroupKind};

impl Store {
    /// Says that `user` wants to hear nothing of `blocked`. False where they have blocked as many as one may.
    #[tracing::instrument(level = "debug", name = "db.block.insert", skip_all)]
    pub async fn block(&self, user: UserId, blocked: UserId, now: DateTime<Utc>) -> Result<bool, sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query_scalar(
                "insert into block (blocker_id, blocked_id, created_at)
                select $1, $2, $3 where (select count(*) from block where blocker_id = $1 and blocked_id <> $2) < $4
                on conflict (blocker_id, blocked_id) do update set created_at = block.created_at
                returning true",
            )
            .bind(user)
            .bind(blocked)
            .bind(now)
            .bind(BLOCKS_MAX)
            .fetch_optional(pool)
            .await
            .map(|done: Option<bool>| done.is_some())
        })
    }

    /// Says that `user` wants to hear of `blocked` again.
    #[tracing::instrument(level = "debug", name = "db.block.delete", skip_all)]
    pub async fn unblock(&self, user: UserId, blocked: UserId) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("delete from block where blocker_id = $1 and blocked_id = $2")
                .bind(user)
                .bind(blocked)
                .execute(pool)
                .await
                .map(drop)
        })
    }

    /// Whom a user has blocked, latest first: those before `before`, or the latest.
    #[tracing::instrument(level = "debug", name = "db.block.list", skip_all)]
    pub async fn blocks(
        &self,
        blocker: UserId,
        before: Option<TimeCursor<chatroom_kit::ids::User>>,
        limit: i64,
    ) -> Result<Vec<Block>, sqlx::Error> {
        let (until, id) = TimeCursor::upper_bound(before);
        let rows: Vec<(UserId, DateTime<Utc>)> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select blocked_id, created_at from block
                where blocker_id = $1 and (created_at, blocked_id) < ($2, $3)
                order by created_at desc, blocked_id desc limit $4",
            )
            .bind(blocker)
            .bind(until)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        Ok(rows.into_iter().map(|(user, created_at)| Block { user, created_at }).collect())
    }
}

impl Locked {
    /// Which of these senders the other side of a private conversation has blocked.
    pub(super) async fn silenced(&mut self, drafts: &[Draft]) -> Result<HashSet<UserId>, sqlx::Error> {
        if self.head.kind != GroupKind::Service {
            return Ok(HashSet::new());
        }
        let senders: HashSet<_> = drafts.iter().filter_map(|draft| draft.sender.user()).collect();
        self.silenced_among(&senders).await
    }

    /// Which of these users the other side of a private conversation has blocked.
    pub(super) async fn silenced_among(&mut self, users: &HashSet<UserId>) -> Result<HashSet<UserId>, sqlx::Error> {
        let users = json(&users.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let statement = self.transaction.sql(
            "select b.blocked_id from member m join block b on b.blocker_id = m.user_id
            where m.group_id = $1 and b.blocked_id in (select value from json_each($2))",
            "select b.blocked_id from member m join block b on b.blocker_id = m.user_id
            where m.group_id = $1 and b.blocked_id in (select json_array_elements_text($2::json))",
        );
        let silenced: Vec<UserId> = on!(&mut self.transaction, within connection => {
            sqlx::query_scalar(statement).bind(self.head.group).bind(users).fetch_all(&mut *connection).await
        })?;
        Ok(silenced.into_iter().collect())
    }

    /// Who of the mentioned has blocked whom of the senders: pairs of the two.
    pub(super) async fn unheard(
        &mut self,
        mentioned: &HashSet<UserId>,
        drafts: &[Draft],
    ) -> Result<HashSet<(UserId, UserId)>, sqlx::Error> {
        let senders: HashSet<_> = drafts.iter().filter_map(|draft| draft.sender.user()).collect();
        let statement = self.transaction.sql(
            "select blocker_id, blocked_id from block
            where blocker_id in (select value from json_each($1)) and blocked_id in (select value from json_each($2))",
            "select blocker_id, blocked_id from block
            where blocker_id in (select json_array_elements_text($1::json))
                and blocked_id in (select json_array_elements_text($2::json))",
        );
        let [mentioned, senders] =
            [mentioned, &senders].map(|users| json(&users.iter().map(ToString::to_string).collect::<Vec<_>>()));
        let (mentioned, senders) = (mentioned?, senders?);
        let pairs: Vec<(UserId, UserId)> = on!(&mut self.transaction, within connection => {
            sqlx::query_as(statement).bind(mentioned).bind(senders).fetch_all(&mut *connection).await
        })?;
        Ok(pairs.into_iter().collect())
    }
}
