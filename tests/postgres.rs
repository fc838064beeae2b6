//! PostgreSQL for tests: a fresh database for everyone who asks, on the server that
//! `CHATROOM_TEST_POSTGRES_URL` names, or on a [`Server`] of a test's own that may be killed. Drops no database: whoever
//! started a server throws all of it away.

mod server;

use std::{env, net::SocketAddr};

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

pub use server::Server;

/// The variable that names the server, by the URL of a database whose user may create others.
pub const VARIABLE: &str = "CHATROOM_TEST_POSTGRES_URL";

/// The URL of the server's own database.
pub fn server_url() -> String {
    env::var(VARIABLE)
        .unwrap_or_else(|_| panic!("{VARIABLE} names no PostgreSQL server: run tests/run.sh, which starts one"))
}

/// The address of the server that a URL names.
pub(crate) fn address(url: &str) -> SocketAddr {
    let place = url.rsplit(['/', '@']).nth(1).expect("the URL of a PostgreSQL server names a place and a database");
    place.parse().expect("a PostgreSQL server for tests is named by its address and port")
}

/// The URL of a new, empty database.
pub async fn fresh_database() -> String {
    fresh_database_on(&server_url()).await
}

/// The URL of a new, empty database on the server at `server`.
pub async fn fresh_database_on(server: &str) -> String {
    let name = format!("chatroom_{:016x}", rand::random::<u64>());
    let mut connection = PgConnection::connect(server).await.expect("the PostgreSQL server answers");
    connection.execute(AssertSqlSafe(format!("create database {name}"))).await.expect("a database can be created");
    let (base, _) = server.rsplit_once('/').expect("the address of a PostgreSQL server ends in a database");
    format!("{base}/{name}")
}

/// What the server calls itself, such as `PostgreSQL 15.14`.
pub async fn version() -> String {
    let mut connection = PgConnection::connect(&server_url()).await.expect("the PostgreSQL server answers");
    let (version,): (String,) =
        sqlx::query_as("show server_version").fetch_one(&mut connection).await.expect("the server has a version");
    format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default())
}
