//! What is read and set in the databases beside the product: how far something has come, and how old messages are. Asked
//! seldom, and only what an index answers, so that looking costs next to nothing.

use std::time::{Duration, Instant};

use anyhow::ensure;
use chatroom_kit::clock::Clock;
use chrono::TimeDelta;
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use tokio::time::sleep;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(30);

/// Runs one statement on a connection of the right engine.
macro_rules! at {
    ($url:expr, $connection:ident => $body:expr) => {
        if $url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect($url).await?;
            let $connection = &mut connection;
            $body
        } else {
            let mut connection = PgConnection::connect($url).await?;
            let $connection = &mut connection;
            $body
        }
    };
}

/// Makes everything that was said in a group so much older. The product must not be running.
pub(super) async fn date_messages(url: &str, group: &str, age: TimeDelta) -> anyhow::Result<()> {
    let sent = Clock::system().now() - age;
    at!(url, connection => {
        let statement = "update message set created_at = $1 where group_id = $2";
        sqlx::query(statement).bind(sent).bind(group).execute(connection).await?;
    });
    Ok(())
}

/// Waits until no service has anything left to take away.
pub(super) async fn until_deleted(url: &str) -> anyhow::Result<()> {
    until("deleted", async || {
        let left: i64 = at!(url, connection => {
            sqlx::query_scalar("select count(*) from deletion").fetch_one(connection).await?
        });
        Ok(left == 0)
    })
    .await
}

/// Waits until so many messages of a group have expired.
pub(super) async fn until_expired(url: &str, group: &str, messages: i64) -> anyhow::Result<()> {
    until("expired", async || {
        let reached: Option<i64> = at!(url, connection => {
            sqlx::query_scalar(
                "select m.number from expiry e join message m on m.group_id = e.group_id and m.seq = e.seq
                where e.group_id = $1",
            )
            .bind(group)
            .fetch_optional(connection)
            .await?
        });
        Ok(reached.is_some_and(|number| number >= messages))
    })
    .await
}

/// How many messages of a user still have their content.
pub(super) async fn said_by(url: &str, user: &str) -> anyhow::Result<i64> {
    let statement = "select count(*) from message where sender = $1 and body is not null";
    Ok(at!(url, connection => sqlx::query_scalar(statement).bind(user).fetch_one(connection).await?))
}

async fn until(what: &str, reached: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !reached().await? {
        ensure!(begun.elapsed() < PATIENCE, "not {what} in time");
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
