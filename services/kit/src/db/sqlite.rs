//! SQLite files: how they are opened, and how what was deleted is wiped out of them. Compiled with the feature `sqlite`.

use std::{str::FromStr as _, time::Duration};

use anyhow::Context as _;
use sqlx::{
    SqlitePool,
    pool::PoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{ACQUIRE_TIMEOUT, Db, Migrations};

/// How many readers an SQLite file has.
const READERS: u32 = 4;

pub(super) async fn open(url: &str, migrations: &Migrations) -> anyhow::Result<Db> {
    let options = SqliteConnectOptions::from_str(url)
        .context("the database address is malformed")?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // What is deleted is overwritten, and not only forgotten: see `Db::wipe`.
        .pragma("secure_delete", "on")
        .optimize_on_close(true, None);
    let forever = |options: SqlitePoolOptions| options.idle_timeout(None).max_lifetime(None);
    let write = forever(PoolOptions::new())
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await
        .with_context(|| format!("the database {url} cannot be opened"))?;
    migrations.sqlite.run(&write).await.with_context(|| format!("the database {url} cannot be migrated"))?;
    let read = forever(PoolOptions::new())
        .max_connections(READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Db::Sqlite { read, write })
}

/// What [`Db::wipe`] does.
pub(super) async fn wipe(write: &SqlitePool) -> Result<(), sqlx::Error> {
    let sampled: bool = sqlx::query_scalar("select exists (select 1 from sqlite_master where name = 'sqlite_stat4')")
        .fetch_one(write)
        .await?;
    if sampled {
        sqlx::query("delete from sqlite_stat4").execute(write).await?;
    }
    sqlx::query("pragma wal_checkpoint(truncate)").execute(write).await.map(drop)
}
