//! Finding messages by their words. Each engine has an index of its own: SQLite full text over tokens, PostgreSQL an
//! inverted index over numbers. What is found there may only look right, so the text itself is compared.

use std::fmt::Write as _;

use chatroom_kit::{
    db::{Db, Transaction},
    ids::GroupId,
};
use sqlx::PgPool;

use super::{
    Store,
    row::{MessageRow, all, select_messages},
};
use crate::domain::{Content, Message, Query};

/// How many messages one search compares at most; it goes on from there when it is asked again.
const COMPARED_MAX: usize = 2000;
/// How many messages are read at a time.
const READ_AT_ONCE: i64 = 64;
/// How many messages PostgreSQL looks through before it asks its index, which answers all that there are: what is said
/// often is found among the last ones.
const LOOKED_THROUGH: i64 = 4096;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The messages, newest first.
    pub messages: Vec<Message>,
    /// Where to go on: before this place in the sequence. Nothing where there is no more.
    pub before: Option<i64>,
}

impl Store {
    /// The newest `limit` messages of a group that hold a query: those before a place in its sequence, or the last.
    #[tracing::instrument(level = "debug", name = "db.message.search", skip_all)]
    pub async fn search(
        &self,
        group: GroupId,
        query: &Query,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Found, sqlx::Error> {
        let limit = usize::try_from(limit).unwrap_or(0);
        let mut before = before.unwrap_or(i64::MAX);
        let mut messages = Vec::new();
        let mut compared = 0;
        loop {
            let candidates = self.candidates(group, query, before).await?;
            let exhausted = candidates.len() < usize::try_from(READ_AT_ONCE).unwrap_or(usize::MAX);
            for message in candidates {
                if messages.len() == limit || compared == COMPARED_MAX {
                    return Ok(Found { messages, before: Some(before) });
                }
                before = message.seq;
                compared += 1;
                if message.content.as_ref().map(Content::words).is_some_and(|words| query.is_in(words)) {
                    messages.push(message);
                }
            }
            if exhausted {
                return Ok(Found { messages, before: None });
            }
        }
    }

    /// The newest messages before a place that have every bigram of a query.
    async fn candidates(&self, group: GroupId, query: &Query, before: i64) -> Result<Vec<Message>, sqlx::Error> {
        let rows: Vec<MessageRow> = match &self.db {
            #[cfg(feature = "sqlite")]
            Db::Sqlite { read, .. } => {
                // Messages of a group are numbered in the order of its sequence.
                sqlx::query_as(select_messages!(
                    "message_terms w cross join",
                    "where w.message_terms match $2
                        and w.rowid <= (
                            select position from message where group_id = $1 and seq < $3 order by seq desc limit 1)
                        and t.position = w.rowid
                    order by w.rowid desc limit $4"
                ))
                .bind(group)
                .bind(tokens(&query.terms))
                .bind(before)
                .bind(READ_AT_ONCE)
                .fetch_all(read)
                .await?
            }
            Db::Postgres(pool) => {
                let terms = array(&query.terms);
                let recent = recent(pool, group, &terms, before).await?;
                if recent.len() == usize::try_from(READ_AT_ONCE).unwrap_or(usize::MAX) {
                    recent
                } else {
                    indexed(pool, group, &terms, before).await?
                }
            }
        };
        all(rows)
    }
}

/// The newest messages that have these bigrams, among the last before a place.
async fn recent(pool: &PgPool, group: GroupId, terms: &str, before: i64) -> Result<Vec<MessageRow>, sqlx::Error> {
    sqlx::query_as(select_messages!(
        "(with last as materialized (
            select seq, terms from message where group_id = $1 and seq < $3 order by seq desc limit $5
        ) select seq as found_seq from last where terms @> $2::bigint[] order by seq desc limit $4) w cross join",
        "where t.group_id = $1 and t.seq = w.found_seq order by t.seq desc"
    ))
    .bind(group)
    .bind(terms)
    .bind(before)
    .bind(READ_AT_ONCE)
    .bind(LOOKED_THROUGH)
    .fetch_all(pool)
    .await
}

/// The newest messages that have these bigrams, among all before a place.
async fn indexed(pool: &PgPool, group: GroupId, terms: &str, before: i64) -> Result<Vec<MessageRow>, sqlx::Error> {
    // Materialised: the planner cannot know how rare the bigrams are, and would walk the whole group.
    sqlx::query_as(select_messages!(
        "(with found as materialized (
            select seq from message where terms @> $2::bigint[] and group_id = $1 and seq < $3
        ) select seq as found_seq from found order by seq desc limit $4) w cross join",
        "where t.group_id = $1 and t.seq = w.found_seq order by t.seq desc"
    ))
    .bind(group)
    .bind(terms)
    .bind(before)
    .bind(READ_AT_ONCE)
    .fetch_all(pool)
    .await
}

/// Bigrams as this engine's index takes them.
pub(super) fn indexed_as(transaction: &Transaction, terms: &[u64]) -> String {
    match transaction {
        #[cfg(feature = "sqlite")]
        Transaction::Sqlite(_) => tokens(terms),
        Transaction::Postgres(_) => array(terms),
    }
}

/// For SQLite: words. All of a query's must be there.
#[cfg(feature = "sqlite")]
fn tokens(terms: &[u64]) -> String {
    let mut text = String::with_capacity(terms.len() * 17);
    for term in terms {
        // Writing to a String cannot fail.
        let _ = write!(text, "{term:x} ");
    }
    text
}

/// For PostgreSQL: an array's text form; its numbers are signed.
fn array(terms: &[u64]) -> String {
    let mut text = String::with_capacity(2 + terms.len() * 21);
    text.push('{');
    for (index, term) in terms.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{}", term.cast_signed());
    }
    text.push('}');
    text
}
