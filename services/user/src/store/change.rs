//! The feed of account changes in the database: what other processes must know, in the order in which it happened.

use chatroom_kit::{db::Transaction, ids::UserId, on};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::FromRow;

use super::Store;
use crate::domain::{AccountChange, Changed};

/// How long it has to be known that someone is shown otherwise: longer than anybody remembers people.
const PROFILE_KNOWN_FOR: TimeDelta = TimeDelta::hours(1);
/// How long an ended token stays known beyond its own time: clocks differ.
const SLACK: TimeDelta = TimeDelta::minutes(5);
/// How many changes that need not be known any more are deleted with each that is added.
const SWEPT: i64 = 100;

/// A change that is about to be told.
#[derive(Clone, Copy)]
pub(super) enum Change<'a> {
    SessionEnded(&'a str),
    LeastGeneration(i32),
    Profile,
}

/// A part of the feed.
#[derive(Debug)]
pub struct Feed {
    /// The changes, oldest first.
    pub changes: Vec<AccountChange>,
    /// The place that they reach.
    pub last: i64,
    /// Whether there are more.
    pub more: bool,
}

impl Store {
    /// Remembers for how long tokens are good now. So long, or as long as they ever were, an ended one is told of.
    pub async fn note_token_ttl(&self, ttl: TimeDelta) -> Result<(), sqlx::Error> {
        on!(&self.db, write pool => {
            sqlx::query("update account_feed set longest_token_ttl = $1 where longest_token_ttl < $1")
                .bind(ttl.num_seconds())
                .execute(pool)
                .await
                .map(drop)
        })
    }

    /// Tells a change as part of what `transaction` changes.
    pub(super) async fn add_change(
        &self,
        transaction: &mut Transaction,
        user: UserId,
        change: Change<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        let (seq, longest_ttl): (i64, i64) = on!(transaction, within connection => {
            sqlx::query_as("update account_feed set head = head + 1 returning head, longest_token_ttl")
                .fetch_one(connection)
                .await
        })?;
        let known_for = match change {
            Change::Profile => PROFILE_KNOWN_FOR,
            Change::SessionEnded(_) | Change::LeastGeneration(_) => TimeDelta::seconds(longest_ttl) + SLACK,
        };
        let (session, generation) = match change {
            Change::SessionEnded(id) => (Some(id), None),
            Change::LeastGeneration(generation) => (None, Some(generation)),
            Change::Profile => (None, None),
        };
        on!(transaction, within connection => {
            sqlx::query(
                "insert into account_change (seq, user_id, session_id, least_generation, expires_at)
                values ($1, $2, $3, $4, $5)",
            )
            .bind(seq)
            .bind(user)
            .bind(session)
            .bind(generation)
            .bind(now + known_for)
            .execute(&mut *connection)
            .await?;
            sqlx::query(
                "delete from account_change where seq in (
                    select seq from account_change where expires_at < $1 order by expires_at limit $2)",
            )
            .bind(now)
            .bind(SWEPT)
            .execute(&mut *connection)
            .await
            .map(drop)
        })
    }

    /// The changes after the place `after`, but for those that need not be known any more.
    #[tracing::instrument(level = "debug", name = "db.account_change.list", skip_all, err(level = "debug"))]
    pub async fn changes(&self, after: i64, limit: i64, now: DateTime<Utc>) -> Result<Feed, sqlx::Error> {
        // The head first: whatever comes up to it is visible by now.
        let head: i64 = on!(&self.db, read pool => {
            sqlx::query_scalar("select head from account_feed").fetch_one(pool).await
        })?;
        if head <= after {
            return Ok(Feed { changes: Vec::new(), last: head, more: false });
        }
        let mut rows: Vec<ChangeRow> = on!(&self.db, read pool => {
            sqlx::query_as(
                "select seq, user_id, session_id, least_generation, expires_at from account_change
                where seq > $1 and seq <= $2 and expires_at >= $3 order by seq limit $4",
            )
            .bind(after)
            .bind(head)
            .bind(now)
            .bind(limit + 1)
            .fetch_all(pool)
            .await
        })?;
        let more = chatroom_kit::wire::cut(&mut rows, limit);
        let last = rows.last().filter(|_| more).map_or(head, |row| row.seq);
        Ok(Feed { changes: rows.into_iter().map(Into::into).collect(), last, more })
    }
}

#[derive(FromRow)]
struct ChangeRow {
    seq: i64,
    user_id: UserId,
    session_id: Option<String>,
    least_generation: Option<i32>,
    expires_at: DateTime<Utc>,
}

impl From<ChangeRow> for AccountChange {
    fn from(row: ChangeRow) -> Self {
        let what = match (row.session_id, row.least_generation) {
            (Some(session), _) => Changed::SessionEnded(session),
            (None, Some(generation)) => Changed::LeastGeneration(generation),
            (None, None) => Changed::Profile,
        };
        Self { user: row.user_id, what, expires_at: row.expires_at }
    }
}
