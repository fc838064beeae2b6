//! Messages that lose their content, and with it what they are found by and their files, wherever that is decided. Never
//! under the lock of their group: whoever speaks there does not wait.

use std::collections::BTreeSet;

use chatroom_kit::{db::Transaction, ids::GroupId};
use chrono::{DateTime, Utc};
use sqlx::FromRow;

use super::{
    Store,
    row::{json, unreadable},
    upload,
};
use crate::domain::Attachment;

/// How many messages lose their content at once.
pub(super) const AT_ONCE: i64 = 200;

/// A message that is to lose its content.
#[derive(FromRow)]
pub(super) struct Said {
    pub(super) seq: i64,
    kind: i32,
    body: Option<String>,
}

impl Store {
    /// Begins a transaction in which messages of a group have no content any more, and their files are thrown away.
    pub(super) async fn blanked(
        &self,
        group: GroupId,
        said: &[Said],
        now: DateTime<Utc>,
    ) -> Result<Transaction, sqlx::Error> {
        let files = attached(said)?;
        let places = json(&said.iter().map(|said| said.seq).collect::<Vec<_>>())?;
        let mut transaction = self.db.begin().await?;
        // In the order in which a message is recalled, so that neither waits for the other.
        blank(&mut transaction, group, &places).await?;
        upload::discard_all(&mut transaction, group, &files, now).await?;
        Ok(transaction)
    }
}

/// Takes the content from the messages at these places, a JSON array, and what they are found by.
async fn blank(transaction: &mut Transaction, group: GroupId, places: &str) -> Result<(), sqlx::Error> {
    match transaction {
        #[cfg(feature = "sqlite")]
        Transaction::Sqlite(connection) => {
            let connection = &mut **connection;
            sqlx::query(
                "delete from message_terms where rowid in (
                    select position from message
                    where group_id = $1 and seq in (select value from json_each($2)) and body is not null)",
            )
            .bind(group)
            .bind(places)
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "update message set body = null
                where group_id = $1 and seq in (select value from json_each($2)) and body is not null",
            )
            .bind(group)
            .bind(places)
            .execute(&mut *connection)
            .await
            .map(drop)
        }
        Transaction::Postgres(connection) => sqlx::query(
            "update message set body = null, terms = null
            where group_id = $1 and seq in (select json_array_elements_text($2::json)::bigint) and body is not null",
        )
        .bind(group)
        .bind(places)
        .execute(&mut **connection)
        .await
        .map(drop),
    }
}

/// The files that messages show, by their places.
fn attached(said: &[Said]) -> Result<BTreeSet<(String, i64)>, sqlx::Error> {
    let shown = said.iter().filter(|said| matches!(said.kind, 1 | 2));
    let shown = shown.filter_map(|said| Some((said.seq, said.body.as_deref()?)));
    shown
        .map(|(seq, body)| {
            let attachment: Attachment = serde_json::from_str(body).map_err(|_| unreadable("an attachment"))?;
            Ok((attachment.path, seq))
        })
        .collect()
}
