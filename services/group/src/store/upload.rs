//! Which uploaded files are used, and which are thrown away. Whoever begins or ends a use holds the file's row until
//! the commit, so that no file is thrown away that a message of any group has just begun to use.

use std::collections::{BTreeSet, HashSet};

use chatroom_kit::{
    db::Transaction,
    fields::is_upload_path,
    ids::{GroupId, UserId},
    on,
};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Store, locked::Locked, row::json};
use crate::domain::{ClientId, Content, Message, Sender};

/// The place at which a group's own picture stands; messages' begin at 1.
const PICTURE: i64 = 0;

/// Holds files until the commit, and answers which of them have been thrown away. Always in the same order, so that
/// two who hold several never wait for each other.
pub(super) async fn hold(
    transaction: &mut Transaction,
    paths: &BTreeSet<&str>,
) -> Result<HashSet<String>, sqlx::Error> {
    let statement = transaction.sql(
        "insert into upload (path) select value from json_each($1) where true order by value
        on conflict (path) do update set path = excluded.path returning path, discarded_at is not null",
        "insert into upload (path) select path from json_array_elements_text($1::json) as a (path) order by path
        on conflict (path) do update set path = excluded.path returning path, discarded_at is not null",
    );
    let paths = json(paths)?;
    let held: Vec<(String, bool)> = on!(transaction, within connection => {
        sqlx::query_as(statement).bind(paths).fetch_all(&mut *connection).await
    })?;
    Ok(held.into_iter().filter(|(_, discarded)| *discarded).map(|(path, _)| path).collect())
}

/// Says that a group shows `icon` from now on, and no longer what it showed before.
pub(super) async fn show(transaction: &mut Transaction, group: GroupId, icon: &str) -> Result<(), sqlx::Error> {
    on!(transaction, within connection => {
        sqlx::query("delete from attachment where group_id = $1 and seq = $2")
            .bind(group)
            .bind(PICTURE)
            .execute(&mut *connection)
            .await
            .map(drop)
    })?;
    if !is_upload_path(icon) {
        return Ok(());
    }
    hold(transaction, &BTreeSet::from([icon])).await?;
    insert(transaction, group, &[Use { seq: PICTURE, path: icon }]).await
}

/// What uses a file in a group.
#[derive(Serialize)]
struct Use<'a> {
    seq: i64,
    path: &'a str,
}

async fn insert(transaction: &mut Transaction, group: GroupId, uses: &[Use<'_>]) -> Result<(), sqlx::Error> {
    let statement = transaction.sql(
        "insert into attachment (path, group_id, seq) select value ->> 'path', $1, value ->> 'seq' from json_each($2)",
        "insert into attachment (path, group_id, seq)
        select path, $1, seq from json_to_recordset($2::json) as a (path text, seq bigint)",
    );
    let uses = json(&uses)?;
    on!(transaction, within connection => {
        sqlx::query(statement).bind(group).bind(uses).execute(&mut *connection).await.map(drop)
    })
}

impl Locked {
    /// Says that messages use the files that they show. They are held already.
    pub(super) async fn attach(&mut self, messages: &[Message]) -> Result<(), sqlx::Error> {
        let attachment = |message: &'_ Message| message.content.as_ref().and_then(Content::attachment).cloned();
        let attached: Vec<_> =
            messages.iter().filter_map(|message| Some((message.seq, attachment(message)?.path))).collect();
        if attached.is_empty() {
            return Ok(());
        }
        let uses: Vec<_> = attached.iter().map(|(seq, path)| Use { seq: *seq, path }).collect();
        insert(&mut self.transaction, self.head.group, &uses).await
    }

    /// Says that a message no longer shows its file, which is thrown away where it was the last.
    pub(super) async fn discard(&mut self, path: &str, seq: i64) -> Result<(), sqlx::Error> {
        let shown = BTreeSet::from([(path.to_owned(), seq)]);
        discard_all(&mut self.transaction, self.head.group, &shown, self.now).await
    }
}

/// Says that messages of a group no longer show files, each of which is thrown away where that was its last use.
pub(super) async fn discard_all(
    transaction: &mut Transaction,
    group: GroupId,
    shown: &BTreeSet<(String, i64)>,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    for (path, seq) in shown {
        on!(transaction, within connection => {
            // Waits for whoever begins or ends another use: what follows sees what they did.
            sqlx::query("update upload set path = path where path = $1").bind(path).execute(&mut *connection).await?;
            sqlx::query("delete from attachment where group_id = $1 and seq = $2")
                .bind(group)
                .bind(seq)
                .execute(&mut *connection)
                .await?;
        });
        discard(transaction, path, now).await?;
    }
    Ok(())
}

/// Throws a file away that is held, where nothing uses it.
async fn discard(transaction: &mut Transaction, path: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    on!(transaction, within connection => {
        sqlx::query(
            "update upload set discarded_at = $2, next_at = $2, attempts = 0
            where path = $1 and discarded_at is null and not exists (select 1 from attachment where path = $1)",
        )
        .bind(path)
        .bind(now)
        .execute(&mut *connection)
        .await
        .map(drop)
    })
}

impl Store {
    /// Says that a file is nobody's picture any more; it is thrown away unless something else uses it.
    #[tracing::instrument(level = "debug", name = "db.upload.discard", skip_all)]
    pub async fn discard_picture(&self, path: &str, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
        let mut transaction = self.db.begin().await?;
        hold(&mut transaction, &BTreeSet::from([path])).await?;
        discard(&mut transaction, path, now).await?;
        transaction.commit().await
    }

    /// Whether a message in one of `user`'s groups shows a file.
    #[tracing::instrument(level = "debug", name = "db.attachment.select", skip_all)]
    pub async fn is_shown_to(&self, path: &str, user: UserId) -> Result<bool, sqlx::Error> {
        on!(&self.db, read pool => {
            sqlx::query_scalar(
                "select exists (select 1 from attachment a
                    join member m on m.group_id = a.group_id and m.user_id = $2
                    where a.path = $1 and a.seq > 0)",
            )
            .bind(path)
            .bind(user)
            .fetch_one(pool)
            .await
        })
    }

    /// Whether a sender's message of this name has been stored.
    #[tracing::instrument(level = "debug", name = "db.message.select", skip_all)]
    pub async fn is_sent(&self, group: GroupId, sender: &Sender, id: &ClientId) -> Result<bool, sqlx::Error> {
        let sender = sender.to_string();
        on!(&self.db, read pool => {
            sqlx::query_scalar(
                "select exists (select 1 from message where group_id = $1 and sender = $2 and client_id = $3)",
            )
            .bind(group)
            .bind(sender)
            .bind(id.as_str())
            .fetch_one(pool)
            .await
        })
    }

    /// The next files to be deleted, at most `limit`: nobody else is answered them before `until`. What something has
    /// begun to use again, such as a group's picture, is kept.
    #[tracing::instrument(level = "debug", name = "db.upload.claim", skip_all)]
    pub async fn claim_discarded(
        &self,
        limit: i64,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<Vec<Discarded>, sqlx::Error> {
        // Only looked at, mostly: on SQLite a transaction that writes would keep others from it.
        let any: bool = on!(&self.db, read pool => {
            sqlx::query_scalar("select exists (select 1 from upload where next_at <= $1)").bind(now).fetch_one(pool).await
        })?;
        if !any {
            return Ok(Vec::new());
        }
        let mut transaction = self.db.begin().await?;
        let due = transaction.sql(
            "select path from upload where next_at <= $1 order by next_at limit $2",
            "select path from upload where next_at <= $1 order by next_at limit $2 for update skip locked",
        );
        let claimed = on!(&mut transaction, within connection => {
            let due: Vec<String> = sqlx::query_scalar(due).bind(now).bind(limit).fetch_all(&mut *connection).await?;
            let mut claimed = Vec::new();
            for path in due {
                let kept = sqlx::query(
                    "update upload set discarded_at = null, next_at = null
                    where path = $1 and exists (select 1 from attachment where path = $1)",
                )
                .bind(&path)
                .execute(&mut *connection)
                .await?;
                if kept.rows_affected() > 0 {
                    continue;
                }
                let attempts: i32 = sqlx::query_scalar(
                    "update upload set next_at = $2, attempts = attempts + 1 where path = $1 returning attempts",
                )
                .bind(&path)
                .bind(until)
                .fetch_one(&mut *connection)
                .await?;
                claimed.push(Discarded { path, attempts });
            }
            Ok::<_, sqlx::Error>(claimed)
        })?;
        transaction.commit().await?;
        Ok(claimed)
    }

    /// Says when a file is to be deleted next; nothing means that it is gone.
    #[tracing::instrument(level = "debug", name = "db.upload.update", skip_all)]
    pub async fn set_discarded(&self, path: &str, next_at: Option<DateTime<Utc>>) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("update upload set next_at = $2 where path = $1")
                .bind(path)
                .bind(next_at)
                .execute(pool)
                .await
                .map(drop)
        })
    }
}

/// A file that nothing uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// Where it is: `/upload/…`.
    pub path: String,
    /// How often its deletion has been begun, this time included.
    pub attempts: i32,
}
