//! A group whose row a transaction holds: the one way anything in a group changes. Whoever else wants to change it
//! waits, on every replica, so what is read here holds until the commit.

use chatroom_kit::{
    db::Transaction,
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    Changed, Store, event,
    row::{MemberRow, member_columns, unreadable},
};
use crate::domain::{Change, Event, GroupKind, Head, Member, Refusal};

/// A group, held until the commit, or until it is dropped and nothing has happened.
pub(super) struct Locked {
    pub(super) transaction: Transaction,
    pub(super) head: Head,
    pub(super) now: DateTime<Utc>,
    event: Option<Event>,
}

impl Locked {
    /// Waits for the group's row; nothing where there is no such group.
    pub(super) async fn open(store: &Store, group: GroupId, now: DateTime<Utc>) -> Result<Option<Self>, sqlx::Error> {
        let mut transaction = store.db.begin().await?;
        // An SQLite transaction that writes is alone anyway.
        let statement = transaction.sql(
            "select kind, epoch, head_seq, message_count, last_seq, muted, dismissed_at is not null as dismissed
            from chat_group where id = $1",
            "select kind, epoch, head_seq, message_count, last_seq, muted, dismissed_at is not null as dismissed
            from chat_group where id = $1 for no key update",
        );
        let row: Option<HeadRow> = on!(&mut transaction, within connection => {
            sqlx::query_as(statement).bind(group).fetch_optional(&mut *connection).await
        })?;
        let Some(row) = row else {
            return Ok(None);
        };
        Ok(Some(Self { transaction, head: row.head(group)?, now, event: None }))
    }

    /// Someone's membership.
    pub(super) async fn member(&mut self, user: UserId) -> Result<Option<Member>, sqlx::Error> {
        let row: Option<MemberRow> = on!(&mut self.transaction, within connection => {
            sqlx::query_as(concat!("select ", member_columns!(), " from member m where m.group_id = $1 and m.user_id = $2"))
                .bind(self.head.group)
                .bind(user)
                .fetch_optional(&mut *connection)
                .await
        })?;
        row.map(TryInto::try_into).transpose()
    }

    /// Writes the next event of the group's sequence.
    pub(super) async fn append(&mut self, change: Change) -> Result<(), sqlx::Error> {
        let event = Event {
            group: self.head.group,
            epoch: self.head.epoch.clone(),
            seq: self.head.next_seq(),
            created_at: self.now,
            change,
        };
        event::insert(&mut self.transaction, &event).await?;
        self.event = Some(event);
        Ok(())
    }

    /// Makes it last, and answers `value` with the event that was written.
    pub(super) async fn commit<T>(mut self, value: T) -> Result<Changed<T>, sqlx::Error> {
        if self.event.is_some() {
            on!(&mut self.transaction, within connection => {
                sqlx::query("update chat_group set head_seq = $2 where id = $1")
                    .bind(self.head.group)
                    .bind(self.head.seq)
                    .execute(&mut *connection)
                    .await
                    .map(drop)
            })?;
        }
        self.transaction.commit().await?;
        Ok(Changed { value, event: self.event })
    }
}

impl Store {
    /// Waits for a group that must be there.
    pub(super) async fn lock(&self, group: GroupId, now: DateTime<Utc>) -> Result<Locked, crate::Error> {
        Ok(Locked::open(self, group, now).await?.ok_or(Refusal::GroupNotFound)?)
    }
}

#[derive(FromRow)]
struct HeadRow {
    kind: i32,
    epoch: String,
    head_seq: i64,
    message_count: i64,
    last_seq: i64,
    muted: bool,
    dismissed: bool,
}

impl HeadRow {
    fn head(self, group: GroupId) -> Result<Head, sqlx::Error> {
        Ok(Head {
            group,
            kind: GroupKind::from_number(self.kind).ok_or_else(|| unreadable("a group's kind"))?,
            epoch: self.epoch,
            seq: self.head_seq,
            number: self.message_count,
            last_seq: self.last_seq,
            muted: self.muted,
            dismissed: self.dismissed,
        })
    }
}
