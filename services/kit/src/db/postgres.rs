//! PostgreSQL: how its connections are opened, tried and given back.

use std::{io, str::FromStr as _, time::Duration};

use anyhow::Context as _;
use sqlx::{
    Connection as _,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::time::timeout;

use super::{ACQUIRE_TIMEOUT, Db, Migrations};

/// A connection that lay idle this long is tried before it is used; testing each would cost 5 to 9 µs a query.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// How long a connection may take to show that it is alive. A server that is gone without a word would otherwise keep the
/// connection's place in the pool until the kernel gives up, a quarter of an hour later.
const ALIVE_WITHIN: Duration = Duration::from_millis(250);

pub(super) async fn open(url: &str, connections: u32, migrations: &Migrations) -> anyhow::Result<Db> {
    // The address may carry a password: it is not repeated in any error.
    let options = PgConnectOptions::from_str(url).context("the database address is malformed")?;
    let place = format!("{}:{}", options.get_host(), options.get_port());
    let pool = PgPoolOptions::new()
        // One is the pulse's.
        .max_connections(connections.saturating_sub(1).max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TEST_AFTER_IDLE {
                    alive(connection.ping()).await?;
                }
                Ok(true)
            })
        })
        // Costs nothing unless a caller went away in the middle: then the rest of the answer is waited for here, where
        // sqlx would wait for ever.
        .after_release(|connection, _| {
            Box::pin(async move {
                alive(connection.flush()).await?;
                Ok(true)
            })
        })
        .connect_with(options)
        .await
        .with_context(|| format!("the database at {place} cannot be opened"))?;
    migrations.postgres.run(&pool).await.with_context(|| format!("the database at {place} cannot be migrated"))?;
    Ok(Db::Postgres(pool))
}

async fn alive(answer: impl Future<Output = Result<(), sqlx::Error>>) -> Result<(), sqlx::Error> {
    let silent = || io::Error::new(io::ErrorKind::TimedOut, "the connection is silent");
    timeout(ALIVE_WITHIN, answer).await.unwrap_or_else(|_| Err(silent().into()))
}
