//! Writing new messages, their events, and the words they are found by. Each engine in the way that costs it least.

use chatroom_kit::{db::Transaction, ids::GroupId, on};
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgConnection;
#[cfg(feature = "sqlite")]
use sqlx::SqliteConnection;

use super::{
    locked::Locked,
    row::{body, json},
};
use crate::domain::{Message, Place};

/// A message, as the database is given it.
#[derive(Serialize)]
pub(super) struct NewRow {
    id: String,
    seq: i64,
    number: i64,
    own_number: i64,
    sender: String,
    client_id: String,
    kind: i32,
    body: Option<String>,
    reply_seq: Option<i64>,
    mentions: Option<String>,
    terms: String,
}

impl NewRow {
    pub(super) fn new(message: &Message, place: Place, terms: String) -> Result<Self, sqlx::Error> {
        let names = message.mentions.names();
        Ok(Self {
            id: message.id.to_string(),
            seq: place.seq,
            number: place.number,
            own_number: place.own_number,
            sender: message.sender.to_string(),
            client_id: message.client_id.clone(),
            kind: message.kind.number(),
            body: message.content.as_ref().map(body).transpose()?,
            reply_seq: message.reply_to.as_ref().map(|reply| reply.seq),
            mentions: if names.is_empty() { None } else { Some(json(&names)?) },
            terms,
        })
    }
}

impl Locked {
    /// Writes messages and where the group stands after them.
    pub(super) async fn insert_messages(&mut self, rows: &[NewRow]) -> Result<(), sqlx::Error> {
        let (group, now) = (self.head.group, self.now);
        match &mut self.transaction {
            #[cfg(feature = "sqlite")]
            Transaction::Sqlite(connection) => sqlite(connection, group, rows, now).await?,
            Transaction::Postgres(connection) => postgres(connection, group, rows, now).await?,
        }
        on!(&mut self.transaction, within connection => {
            sqlx::query(
                "update chat_group set head_seq = $2, message_count = $3, last_seq = $4, active_at = $5 where id = $1",
            )
            .bind(group)
            .bind(self.head.seq)
            .bind(self.head.number)
            .bind(self.head.last_seq)
            .bind(now)
            .execute(&mut *connection)
            .await
            .map(drop)
        })
    }
}

/// One by one: the engine is in the process, and taking rows out of JSON costs it a hundred times what a statement does.
#[cfg(feature = "sqlite")]
async fn sqlite(
    connection: &mut SqliteConnection,
    group: GroupId,
    rows: &[NewRow],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for row in rows {
        let inserted = sqlx::query(
            "insert into message
                (id, group_id, seq, number, own_number, sender, client_id, kind, body, reply_seq, mentions, created_at,
                updated_at)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)",
        )
        .bind(&row.id)
        .bind(group)
        .bind(row.seq)
        .bind(row.number)
        .bind(row.own_number)
        .bind(&row.sender)
        .bind(&row.client_id)
        .bind(row.kind)
        .bind(&row.body)
        .bind(row.reply_seq)
        .bind(&row.mentions)
        .bind(now)
        .execute(&mut *connection)
        .await?;
        sqlx::query("insert into message_terms (rowid, terms) values ($1, $2)")
            .bind(inserted.last_insert_rowid())
            .bind(&row.terms)
            .execute(&mut *connection)
            .await?;
    }
    let places = json(&rows.iter().map(|row| row.seq).collect::<Vec<_>>())?;
    sqlx::query(
        "insert into event (group_id, seq, kind, message_seq, created_at)
        select $1, value, 0, value, $3 from json_each($2)",
    )
    .bind(group)
    .bind(places)
    .bind(now)
    .execute(&mut *connection)
    .await
    .map(drop)
}

/// All at once: each statement is a journey to the server and back.
async fn postgres(
    connection: &mut PgConnection,
    group: GroupId,
    rows: &[NewRow],
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with a as (
            select * from json_to_recordset($2::json) as a (
                id text, seq bigint, number bigint, own_number bigint, sender text, client_id text, kind integer,
                body text, reply_seq bigint, mentions text, terms text
            )
        ), said as (
            insert into message
                (id, group_id, seq, number, own_number, sender, client_id, kind, body, reply_seq, mentions, terms,
                created_at, updated_at)
            select id, $1, seq, number, own_number, sender, client_id, kind, body, reply_seq, mentions,
                terms::bigint[], $3, $3
            from a
        )
        insert into event (group_id, seq, kind, message_seq, created_at) select $1, seq, 0, seq, $3 from a",
    )
    .bind(group)
    .bind(json(&rows)?)
    .bind(now)
    .execute(&mut *connection)
    .await
    .map(drop)
}
