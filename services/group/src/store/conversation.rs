//! A user's conversations: read from the records of their groups, with nothing counted.

use std::collections::HashMap;

use chatroom_kit::{
    cursor::TimeCursor,
    ids::{self, GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::FromRow;

use super::{
    Store,
    row::{GroupRow, MemberRow, MessageRow, all, group_columns, json, member_columns, select_messages},
};
use crate::domain::{Conversation, Message, ReadCursor, unread};

/// The columns of a [`ConversationRow`] but for the group's own, the member's and the number of own messages.
macro_rules! standing_columns {
    () => {
        "g.epoch, g.head_seq, g.message_count, g.last_seq, coalesce(g.active_at, g.created_at) as active_at, m.read_seq,
        m.read_of_others"
    };
}

impl Store {
    /// A user's conversations, newest activity first: those after `after`, or the first ones, with their last messages
    /// where these are wanted.
    #[tracing::instrument(level = "debug", name = "db.conversation.list", skip_all)]
    pub async fn conversations(
        &self,
        user: UserId,
        after: Option<TimeCursor<ids::Group>>,
        limit: i64,
        with_messages: bool,
    ) -> Result<Vec<Conversation>, sqlx::Error> {
        let (until, id) = TimeCursor::upper_bound(after);
        let rows: Vec<ConversationRow> = on!(&self.db, read pool => {
            // One's own messages are looked up for the page only, once it is cut.
            sqlx::query_as(concat!(
                "with page as (
                    select ", group_columns!(), ", ", member_columns!(), ", ", standing_columns!(), "
                    from member m join chat_group g on g.id = m.group_id
                    where m.user_id = $1 and (coalesce(g.active_at, g.created_at), g.id) < ($2, $3)
                    order by coalesce(g.active_at, g.created_at) desc, g.id desc
                    limit $4
                )
                select page.*, coalesce((
                    select own_number from message t where t.group_id = page.id and t.sender = $1
                    order by t.seq desc limit 1), 0) as own_count
                from page order by active_at desc, id desc"
            ))
            .bind(user)
            .bind(until)
            .bind(id)
            .bind(limit)
            .fetch_all(pool)
            .await
        })?;
        let mut last = if with_messages { self.last_messages(&rows).await? } else { HashMap::new() };
        rows.into_iter()
            .map(|row| {
                let last_message = last.remove(&row.group.id());
                row.conversation(last_message)
            })
            .collect()
    }

    /// One of a user's conversations; nothing where they are not in that group.
    #[tracing::instrument(level = "debug", name = "db.conversation.select", skip_all)]
    pub async fn conversation(&self, group: GroupId, user: UserId) -> Result<Option<Conversation>, sqlx::Error> {
        let row: Option<ConversationRow> = on!(&self.db, read pool => {
            sqlx::query_as(concat!(
                "select ", group_columns!(), ", ", member_columns!(), ", ", standing_columns!(), ", coalesce((
                    select own_number from message t where t.group_id = g.id and t.sender = $2
                    order by t.seq desc limit 1), 0) as own_count
                from chat_group g join member m on m.group_id = g.id and m.user_id = $2
                where g.id = $1"
            ))
            .bind(group)
            .bind(user)
            .fetch_optional(pool)
            .await
        })?;
        let Some(row) = row else {
            return Ok(None);
        };
        let last_message = self.messages_at(group, &[row.last_seq]).await?.pop();
        row.conversation(last_message).map(Some)
    }

    /// The last message of each conversation that has one.
    async fn last_messages(&self, rows: &[ConversationRow]) -> Result<HashMap<GroupId, Message>, sqlx::Error> {
        let places: Vec<_> = rows
            .iter()
            .filter(|row| row.last_seq > 0)
            .map(|row| Place { group_id: row.group.id().to_string(), seq: row.last_seq })
            .collect();
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let statement = self.db.sql(
            select_messages!(
                "json_each($1) a cross join",
                "where t.group_id = a.value ->> 'group_id' and t.seq = a.value ->> 'seq'"
            ),
            select_messages!(
                "json_to_recordset($1::json) as a (group_id text, seq bigint) cross join",
                "where t.group_id = a.group_id and t.seq = a.seq"
            ),
        );
        let places = json(&places)?;
        let rows: Vec<MessageRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(places).fetch_all(pool).await
        })?;
        let messages: Vec<Message> = all(rows)?;
        Ok(messages.into_iter().map(|message| (message.group, message)).collect())
    }
}

/// A message's place among all groups.
#[derive(Serialize)]
struct Place {
    group_id: String,
    seq: i64,
}

#[derive(FromRow)]
struct ConversationRow {
    #[sqlx(flatten)]
    group: GroupRow,
    #[sqlx(flatten)]
    member: MemberRow,
    epoch: String,
    head_seq: i64,
    message_count: i64,
    last_seq: i64,
    active_at: DateTime<Utc>,
    read_seq: i64,
    read_of_others: i64,
    own_count: i64,
}

impl ConversationRow {
    fn conversation(self, last_message: Option<Message>) -> Result<Conversation, sqlx::Error> {
        Ok(Conversation {
            group: self.group.try_into()?,
            epoch: self.epoch,
            head_seq: self.head_seq,
            member: self.member.try_into()?,
            read: ReadCursor {
                seq: self.read_seq,
                unread: unread(self.message_count, self.own_count, self.read_of_others),
            },
            active_at: self.active_at,
            last_message,
        })
    }
}
