//! One database handle over two engines, and the macros that let a statement be written once for both. Owns
//! connections, transactions and migrations; every statement belongs to the service that needs it.
//!
//! Without the feature `sqlite` there is PostgreSQL alone, which is all that images of a single service have.
//!
//! `sqlx::Any` would do without macros, but knows neither SQLite booleans nor PostgreSQL timestamps.

mod postgres;
mod pulse;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

use anyhow::bail;
use sqlx::{PgPool, Postgres, migrate::Migrator};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqlitePool};
use tokio_util::sync::CancellationToken;

pub use pulse::Pulse;

use crate::error::database_is_away;

/// How long to wait before a database that is away is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(500);
/// How long a request waits for a connection before it is told that the database is busy.
const ACQUIRE_TIMEOUT: Duration = Duration::from_millis(1500);

/// A service's database.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file: any number of readers beside one writer, since SQLite lets only one write at a time.
    #[cfg(feature = "sqlite")]
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
#[cfg(feature = "sqlite")]
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

/// Runs one statement on PostgreSQL, which alone is built in: see the macro of that name with the feature `sqlite`.
#[cfg(not(feature = "sqlite"))]
#[macro_export]
macro_rules! on {
    ($db:expr, within $connection:ident => $body:expr) => {{
        let $crate::db::Transaction::Postgres(transaction) = $db;
        let $connection = &mut **transaction;
        $body
    }};
    ($db:expr, $access:ident $pool:ident => $body:expr) => {{
        let $crate::db::Db::Postgres($pool) = $db;
        $body
    }};
}

/// Runs a block in a transaction and answers its value: committed where the block ends in `Ok`, rolled back where it
/// ends in `Err` or is dropped. In the block, `$tx` is a connection: give sqlx `&mut *$tx`. `return` and `?` leave
/// the block only. The error type must take `sqlx::Error` by `From`.
///
/// On SQLite it begins with `begin immediate`: a transaction that reads first and then wants to write fails with
/// `SQLITE_BUSY` whatever the busy timeout says.
#[macro_export]
macro_rules! tx {
    ($db:expr, $tx:ident => $body:block) => {{
        let mut transaction = $crate::db::Db::begin($db).await?;
        let outcome = $crate::on!(&mut transaction, within $tx => async { $body }.await);
        if outcome.is_ok() {
            transaction.commit().await?;
        }
        outcome
    }};
}

/// A transaction under way, for work that takes several functions; [`tx!`](crate::tx) is shorter for work that fits
/// in one block. Dropped without [`commit`](Self::commit), it leaves nothing behind.
#[derive(Debug)]
pub enum Transaction {
    /// On the one connection that writes.
    #[cfg(feature = "sqlite")]
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On any connection.
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// The statement that this engine understands, where one cannot be written for both.
    #[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "there is one engine"))]
    pub fn sql(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite(_) => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            #[cfg(feature = "sqlite")]
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
            #[cfg(feature = "sqlite")]
            "sqlite" => sqlite::open(url, migrations).await,
            #[cfg(not(feature = "sqlite"))]
            "sqlite" => bail!("this binary was built without SQLite: its database's address begins with postgres://"),
            "postgres" | "postgresql" => postgres::open(url, connections, migrations).await,
            _ => bail!("a database address begins with postgres:// or sqlite://, not {scheme:?}"),
        }
    }

    /// Begins a transaction; on SQLite with `begin immediate`, as [`tx!`](crate::tx) does.
    pub async fn begin(&self) -> Result<Transaction, sqlx::Error> {
        Ok(match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { write, .. } => Transaction::Sqlite(write.begin_with("begin immediate").await?),
            Self::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// The statement that this engine understands, where one cannot be written for both.
    #[cfg_attr(not(feature = "sqlite"), expect(unused_variables, reason = "there is one engine"))]
    pub fn sql(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => sqlite,
            Self::Postgres(_) => postgres,
        }
    }

    /// Makes sure that what was deleted or overwritten is not to be found in an SQLite file's neighbours any more: the
    /// log is moved into the file and cut, and the samples that the planner keeps of indexed values are dropped. A reader
    /// that is busy for long keeps the log from being cut this time. On PostgreSQL that is vacuum's, and nothing is done.
    /// A failure is logged only: what was committed before stays so.
    #[cfg_attr(not(feature = "sqlite"), expect(clippy::unused_async, reason = "there is nothing to be wiped"))]
    pub async fn wipe(&self) {
        #[cfg(feature = "sqlite")]
        if let Self::Sqlite { write, .. } = self
            && let Err(error) = sqlite::wipe(write).await
        {
            tracing::warn!(%error, "what was deleted is not wiped out yet");
        }
    }

    /// Whether the server still answers, which is asked from now on; nothing where there is none.
    pub fn pulse(&self) -> Option<Pulse> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { .. } => None,
            Self::Postgres(pool) => Some(Pulse::follow(pool.connect_options())),
        }
    }

    /// Closes every connection once its work is done.
    pub async fn close(&self) {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
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
