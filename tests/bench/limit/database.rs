//! The limit's databases: opened as the product opens its own, without its migrations.

use std::{str::FromStr as _, time::Duration};

use chatroom_kit::db::Db;
use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

/// How many connections the product has to a PostgreSQL database, unless told otherwise.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How many connections the product has to read an SQLite file with.
const SQLITE_READERS: u32 = 4;

/// Opens a database at `sqlite://…` or `postgres://…`.
pub(super) async fn open(url: &str) -> anyhow::Result<Db> {
    if url.starts_with("postgres") {
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).test_before_acquire(false);
        return Ok(Db::Postgres(pool.connect_with(PgConnectOptions::from_str(url)?).await?));
    }
    let options = SqliteConnectOptions::from_str(url)?
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5));
    let pool = |connections| SqlitePoolOptions::new().max_connections(connections).test_before_acquire(false);
    Ok(Db::Sqlite {
        write: pool(1).connect_with(options.clone()).await?,
        read: pool(SQLITE_READERS).connect_with(options.pragma("query_only", "on")).await?,
    })
}
