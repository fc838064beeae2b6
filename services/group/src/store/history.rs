//! What was said: pages of a group's history, and single messages. Read from the index of the sequence: nothing is
//! skipped over and nothing counted, however old the group.

use chatroom_kit::{ids::GroupId, on};

use super::{
    Store,
    row::{MessageRow, all, json, select_messages},
};
use crate::domain::{Message, MessageId, Page};

impl Store {
    /// A page of a group's messages, in order.
    #[tracing::instrument(level = "debug", name = "db.message.list", skip_all)]
    pub async fn messages(&self, group: GroupId, page: Page, limit: i64) -> Result<Vec<Message>, sqlx::Error> {
        let (statement, place, newest_first) = match page {
            Page::After(seq) => {
                (select_messages!("", "where t.group_id = $1 and t.seq > $2 order by t.seq limit $3"), seq, false)
            }
            Page::Before(seq) => (BEFORE, seq, true),
            Page::Last => (BEFORE, i64::MAX, true),
        };
        let rows: Vec<MessageRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(group).bind(place).bind(limit).fetch_all(pool).await
        })?;
        let mut messages: Vec<Message> = all(rows)?;
        if newest_first {
            messages.reverse();
        }
        Ok(messages)
    }

    /// The messages at these places of a group's sequence, in any order.
    #[tracing::instrument(level = "debug", name = "db.message.select", skip_all)]
    pub async fn messages_at(&self, group: GroupId, places: &[i64]) -> Result<Vec<Message>, sqlx::Error> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let statement = self.db.sql(
            select_messages!("", "where t.group_id = $1 and t.seq in (select value from json_each($2))"),
            select_messages!(
                "",
                "where t.group_id = $1 and t.seq in (select json_array_elements_text($2::json)::bigint)"
            ),
        );
        let places = json(&places)?;
        let rows: Vec<MessageRow> = on!(&self.db, read pool => {
            sqlx::query_as(statement).bind(group).bind(places).fetch_all(pool).await
        })?;
        all(rows)
    }

    /// A message, by its own id.
    #[tracing::instrument(level = "debug", name = "db.message.select", skip_all)]
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, sqlx::Error> {
        let row: Option<MessageRow> = on!(&self.db, read pool => {
            sqlx::query_as(select_messages!("", "where t.id = $1")).bind(id).fetch_optional(pool).await
        })?;
        row.map(TryInto::try_into).transpose()
    }
}

const BEFORE: &str = select_messages!("", "where t.group_id = $1 and t.seq < $2 order by t.seq desc limit $3");
