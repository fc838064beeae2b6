//! One database handle over two engines, and the macros that let a statement be written once for both. Owns
//! connections, transactions and migrations; every statement belongs to the service that needs it.
//!
//! `sqlx::Any` would do without macros, but knows neither SQLite booleans nor PostgreSQL timestamps.

mod pulse;

use std::{io, str::FromStr as _, time::Duration};

use anyhow::{Context as _, bail};
use sqlx::{
    Connection as _, PgPool, Postgres, Sqlite, SqlitePool,
    migrate::Migrator,
    pool::PoolOptions,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use pulse::Pulse;

use crate::error::database_is_away;

/// A connection that lay idle this long is tried before it is used; testing each would cost 5 to 9 µs a query.
const TEST_AFTER_IDLE: Duration = Duration::from_secs(1);
/// How long a connection may take to show that it is alive. A server that is gone without a word would otherwise keep the
/// connection's place in the pool until the kernel gives up, a quarter of an hour later.
const ALIVE_WITHIN: Duration = Duration::from_millis(250);
/// How long to wait before a database that is away is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How long a request waits for a connection before it is told that the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1500);
/// How many readers an SQLite file has.
const SQLITE_READERS: u32 = 4;

/// A service's database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file: any number of readers beside one writer, since SQLite lets only one write at a time.
    Sqlite {
        /// Connections that may only read.
        read: SqlitePool,
        /// The connection that writes.
        write: SqlitePool,
    },
    /// A PostgreSQL database.
    Postgres(PgPool),
}

/// The migrations of one service, for each engine.
#[derive(Debug)]
pub struct Migrations {
    /// For SQLite.
    pub sqlite: Migrator,
    /// For PostgreSQL.
    pub postgres: Migrator,
}

/// Migrations that leave alone what a newer release has added, so that a rolled-back binary still starts.
#[macro_export]
macro_rules! migrations {
    () => {{
        let mut migrations = $crate::db::Migrations {
            sqlite: ::sqlx::migrate!("migrations/sqlite"),
            postgres: ::sqlx::migrate!("migrations/postgres"),
        };
        migrations.sqlite.set_ignore_missing(true);
        migrations.postgres.set_ignore_missing(true);
        migrations
    }};
}

/// Runs one statement on a connection of the right engine: `on!(db, read pool => …)` or `on!(db, write pool => …)`,
/// where `pool` can be given to sqlx as an executor, or `on!(transaction, within connection => …)` for a
/// [`Transaction`](crate::db::Transaction), where it is `&mut *connection`. A macro because the two arms have
/// different types.
#[macro_export]
macro_rules! on {
    ($db:expr, read $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { read: $pool, .. } => $body,
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
    ($db:expr, write $pool:ident => $body:expr) => {
        match $db {
            $crate::db::Db::Sqlite { write: $pool, .. } => $body,
            $crate::db::Db::Postgres($pool) => $body,
        }
    };
    ($transaction:expr, within $connection:ident => $body:expr) => {
        match $transaction {
            $crate::db::Transaction::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::db::Transaction::Postgres(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
        }
    };
}

/// Runs a block in a transaction and answers its value: committed where the block ends in `Ok`, rolled back where it
/// ends in `Err` or is dropped. In the block, `$tx` is a connection: give sqlx `&mut *$tx`. `return` and `?` leave
/// the block only. The error type must take `sqlx::Error` by `From`.
///
/// On SQLite it begins with `begin immediate`: a transaction that reads first and then wants to write fails with
/// `SQLITE_BUSY` whatever the busy timeout says.
#[macro_export]
macro_rules! tx {
    ($db:expr, $tx:ident => $body:block) => {
        match $db {
            $crate::db::Db::Sqlite { write, .. } => {
                let mut transaction = write.begin_with("begin immediate").await?;
                let $tx = &mut *transaction;
                let outcome = async { $body }.await;
                if outcome.is_ok() {
                    transaction.commit().await?;
                }
                outcome
            }
            $crate::db::Db::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                let $tx = &mut *transaction;
                let outcome = async { $body }.await;
                if outcome.is_ok() {
                    transaction.commit().await?;
                }
                outcome
            }
        }
    };
}

/// A transaction under way, for work that takes several functions; [`tx!`](crate::tx) is shorter for work that fits
/// in one block. Dropped without [`commit`](Self::commit), it leaves nothing behind.
#[derive(Debug)]
pub enum Transaction {
    /// On the one connection that writes.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On any connection.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// The statement that this engine understands, where one cannot be written for both.
    pub fn sql(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }
}

impl Db {
    /// Opens the database at `postgres://…` or `sqlite://…` (`sqlite://` makes the file where it is missing) and
    /// brings it up to date. Any number of replicas may do so at once.
    pub async fn open(url: &str, connections: u32, migrations: &Migrations) -> anyhow::Result<Self> {
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        match scheme {
            "sqlite" => open_sqlite(url, migrations).await,
            "postgres" | "postgresql" => open_postgres(url, connections, migrations).await,
            _ => bail!("a database address begins with postgres:// or sqlite://, not {scheme:?}"),
        }
    }

    /// Begins a transaction; on SQLite with `begin immediate`, as [`tx!`](crate::tx) does.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            Self::Sqlite { write, .. } => Transaction::Sqlite(write.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// The statement that this engine understands, where one cannot be written for both.
    pub fn sql(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite { .. } => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes sure that what was deleted or overwritten is not to be found in an SQLite file's neighbours any more: the
    /// log is moved into the file and cut, and the samples that the planner keeps of indexed values are dropped. A reader
    /// that is busy for long keeps the log from being cut this time. On PostgreSQL that is vacuum's, and nothing is done.
    /// A failure is logged only: what was committed before stays so.
    pub async fn wipe(&self) {
        if let Err(error) = self.try_wipe().await {
            tracing::warn!(%error, "what was deleted is not wiped out yet");
        }
    }

    async fn try_wipe(&self) -> Result<(), sqlx::Error> {
        let Self::Sqlite { write, .. } = self else {
            return Ok(());
        };
        let sampled: bool =
            sqlx::query_scalar("select exists (select 1 from sqlite_master where name = 'sqlite_stat4')")
                .fetch_one(write)
                .await?;
        if sampled {
            sqlx::query("delete from sqlite_stat4").execute(write).await?;
        }
        sqlx::query("pragma wal_checkpoint(truncate)").execute(write).await.map(drop)
    }

    /// Whether the server still answers, which is asked from now on; nothing where there is none.
    pub fn pulse(&self) -> Option<Pulse> {
        match self {
            Self::Sqlite { .. } => None,
            Self::Postgres(pool) => Some(Pulse::follow(pool.connect_options())),
        }
    }

    /// Closes every connection once its work is done.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(url: &str, migrations: &Migrations) -> anyhow::Result<Db> {
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
        .max_connections(SQLITE_READERS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "on"));
    Ok(Db::Sqlite { read, write })
}

async fn open_postgres(url: &str, connections: u32, migrations: &Migrations) -> anyhow::Result<Db> {
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

/// Opens a database by `open`, again and again until `stop` while its server is away: a process that ended instead
/// would be started again ever more slowly, and serve long after the database is back. Any other failure is final.
pub async fn when_there<T>(open: impl AsyncFn() -> anyhow::Result<T>, stop: &CancellationToken) -> anyhow::Result<T> {
    loop {
        let error = match open().await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        let away = error.chain().filter_map(|cause| cause.downcast_ref()).any(database_is_away);
        if !away {
            return Err(error);
        }
        tracing::warn!(error = format!("{error:#}"), "waiting for the database");
        if stop.run_until_cancelled(tokio::time::sleep(TRY_AGAIN)).await.is_none() {
            return Err(error);
        }
    }
}
