//! How far members have read. A cursor never goes back, and what is unread is worked out from numbers that messages
//! and cursors carry.

use chatroom_kit::{
    ids::{GroupId, UserId},
    on,
};
use sqlx::FromRow;

use super::Store;
use crate::domain::{ReadCursor, unread};

/// A cursor after someone has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Where it stands.
    pub cursor: ReadCursor,
    /// Whether it has moved.
    pub moved: bool,
}

impl Store {
    /// Moves a member's cursor on to a place in the sequence, or to the head where that lies beyond it. Nothing where
    /// `user` is not a member.
    #[tracing::instrument(level = "debug", name = "db.member.read", skip_all)]
    pub async fn read(&self, group: GroupId, user: UserId, seq: i64) -> Result<Option<Read>, sqlx::Error> {
        let Some(before) = self.read_row(group, user).await? else {
            return Ok(None);
        };
        let target = seq.min(before.head_seq);
        if target <= before.read_seq {
            return Ok(Some(Read { cursor: before.cursor(), moved: false }));
        }
        let moved = on!(&self.db, write pool => {
            sqlx::query(
                "update member set
                    read_seq = $3,
                    read_of_others =
                        coalesce((select number from message where group_id = $1 and seq <= $3
                            order by seq desc limit 1), 0)
                        - coalesce((select own_number from message where group_id = $1 and sender = $2 and seq <= $3
                            order by seq desc limit 1), 0)
                where group_id = $1 and user_id = $2 and read_seq < $3",
            )
            .bind(group)
            .bind(user)
            .bind(target)
            .execute(pool)
            .await
            .map(|done| done.rows_affected() > 0)
        })?;
        Ok(self.read_row(group, user).await?.map(|after| Read { cursor: after.cursor(), moved }))
    }

    async fn read_row(&self, group: GroupId, user: UserId) -> Result<Option<ReadRow>, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_as(
                "select g.head_seq, g.message_count, m.read_seq, m.read_of_others,
                    coalesce((select own_number from message where group_id = $1 and sender = $2
                        order by seq desc limit 1), 0) as own_count
                from chat_group g join member m on m.group_id = g.id and m.user_id = $2
                where g.id = $1",
            )
            .bind(group)
            .bind(user)
            .fetch_optional(pool)
            .await
        })
    }
}

#[derive(FromRow)]
struct ReadRow {
    head_seq: i64,
    message_count: i64,
    read_seq: i64,
    read_of_others: i64,
    own_count: i64,
}

impl ReadRow {
    fn cursor(&self) -> ReadCursor {
        ReadCursor { seq: self.read_seq, unread: unread(self.message_count, self.own_count, self.read_of_others) }
    }
}
