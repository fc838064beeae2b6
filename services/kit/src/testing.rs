//! Fresh databases for the store contract suites: each engine's own, empty, one per test; and tokens for the RPC
//! suites, what they log, and addresses that nobody serves. Compiled for tests only.

mod log;
mod tokens;

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tempfile::TempDir;
use tokio::{net::TcpSocket, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{db::when_there, ids::UserId};

pub use log::Log;
pub use tokens::Tokens;

/// A database that goes with this value, where it is a file.
pub struct FreshDatabase {
    /// Where it is.
    pub url: String,
    _folder: Option<TempDir>,
}

/// An empty SQLite file.
///
/// # Panics
/// Where the temporary folder cannot be written.
pub fn sqlite() -> FreshDatabase {
    let folder = TempDir::new().expect("a temporary folder can be made");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    FreshDatabase { url, _folder: Some(folder) }
}

/// An empty database on the PostgreSQL server that `CHATROOM_TEST_POSTGRES_URL` names.
///
/// # Panics
/// Where there is no such server: a suite that skips an engine would say nothing about it.
pub async fn postgres() -> FreshDatabase {
    let server = env::var("CHATROOM_TEST_POSTGRES_URL")
        .expect("CHATROOM_TEST_POSTGRES_URL names a PostgreSQL server (tests/run.sh starts one)");
    let (prefix, _) = server.rsplit_once('/').expect("the address ends with a database's name");
    // Any unique name will do.
    let name = format!("test_{}", UserId::new());
    let mut connection = PgConnection::connect(&server).await.expect("the PostgreSQL server answers");
    sqlx::query(AssertSqlSafe(format!("create database {name}")))
        .execute(&mut connection)
        .await
        .expect("a database can be made");
    FreshDatabase { url: format!("{prefix}/{name}"), _folder: None }
}

/// What `open` opens on a database that other suites may keep busy for longer than a request waits.
///
/// # Panics
/// Where it cannot be opened, or the database is busy for a minute.
pub async fn opened<T>(open: impl AsyncFn() -> anyhow::Result<T>) -> T {
    let opened = timeout(Duration::from_mins(1), when_there(open, &CancellationToken::new())).await;
    opened.expect("the database is not busy for long").expect("the store opens")
}

/// An address that refuses connections for as long as its socket, which is bound and not listened on, is kept. A port
/// that was free again could be given to another test meanwhile.
///
/// # Panics
/// Where no port is free.
pub fn unserved() -> (SocketAddr, TcpSocket) {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a port is free");
    (socket.local_addr().expect("the socket is bound"), socket)
}

/// Runs each named test on each engine: `async fn test(fresh: T)`, where `open(FreshDatabase) -> T` stands in the
/// same file. A macro because the test harness needs a function for each.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::open($crate::testing::sqlite()).await).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::open($crate::testing::postgres().await).await).await;
            })+
        }
    };
}
