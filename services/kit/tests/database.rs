//! What the database handle promises when its server is slow to appear or falls silent, on a real PostgreSQL server
//! behind a proxy of our own.

#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use chatroom_kit::{
    db::{Db, Migrations, when_there},
    on, testing,
};
use sqlx::migrate::Migrator;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use url::Url;

const NO_MIGRATIONS: Migrations = Migrations { sqlite: Migrator::DEFAULT, postgres: Migrator::DEFAULT };

/// Passes connections on to the server. Those that it has can be made silent: neither closed nor answered.
#[derive(Clone, Default)]
struct Proxy {
    connections: Arc<AtomicU32>,
    silent: Arc<AtomicU32>,
}

impl Proxy {
    async fn serve(self, listener: TcpListener, server: SocketAddr) {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let server = TcpStream::connect(server).await.unwrap();
            let number = self.connections.fetch_add(1, Ordering::SeqCst) + 1;
            tokio::spawn(self.clone().pass(number, client, server));
        }
    }

    async fn pass(self, number: u32, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let (mut asked, mut answered) = ([0; 4096], [0; 4096]);
        loop {
            let (from_client, count) = tokio::select! {
                count = client.read(&mut asked) => (true, count?),
                count = server.read(&mut answered) => (false, count?),
            };
            if number <= self.silent.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            match (from_client, count) {
                (_, 0) => return Ok(()),
                (true, count) => server.write_all(&asked[..count]).await?,
                (false, count) => client.write_all(&answered[..count]).await?,
            }
        }
    }

    /// Makes the connections that are open silent.
    fn silence(&self) {
        self.silent.store(self.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// The address of a fresh database, and the same by way of `port`.
async fn database(port: u16) -> (SocketAddr, String) {
    let mut url: Url = testing::postgres().await.url.parse().unwrap();
    let host = url.host_str().expect("the address names a host").to_owned();
    let server = tokio::net::lookup_host((host, url.port().unwrap_or(5432))).await.unwrap().next().unwrap();
    url.set_host(Some("127.0.0.1")).unwrap();
    url.set_port(Some(port)).unwrap();
    (server, url.into())
}

async fn one(db: &Db) -> Result<i32, sqlx::Error> {
    on!(db, read pool => sqlx::query_scalar("select 1").fetch_one(pool).await)
}

/// Waits until the only connection is back in its place: sqlx asks it once more on the way.
async fn at_rest(db: &Db) {
    let Db::Postgres(pool) = db else { panic!("the database is PostgreSQL") };
    while pool.num_idle() == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_appears_later_is_waited_for() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (server, url) = database(socket.local_addr().unwrap().port()).await;
    let open = async || Db::open(&url, 1, &NO_MIGRATIONS).await;
    assert!(open().await.is_err(), "nobody listens there yet");
    let stop = CancellationToken::new();
    let waiting = when_there(open, &stop);
    let appearing = async {
        tokio::spawn(Proxy::default().serve(socket.listen(16).unwrap(), server));
    };
    let (db, ()) = tokio::join!(timeout(Duration::from_secs(20), waiting), appearing);
    assert_eq!(one(&db.expect("the server is there").unwrap()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_is_wrong_for_good_is_not_waited_for() {
    let open = async || Db::open("mysql://localhost", 1, &NO_MIGRATIONS).await;
    let outcome = timeout(Duration::from_secs(20), when_there(open, &CancellationToken::new())).await;
    assert!(outcome.expect("it is final").is_err());
}

#[tokio::test]
async fn a_connection_that_falls_silent_gives_its_place_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (server, url) = database(listener.local_addr().unwrap().port()).await;
    let proxy = Proxy::default();
    tokio::spawn(proxy.clone().serve(listener, server));
    let db = Db::open(&url, 1, &NO_MIGRATIONS).await.unwrap();
    assert_eq!(one(&db).await.unwrap(), 1);
    at_rest(&db).await;
    proxy.silence();
    // Whoever asked goes away, as a caller whose time is over does; the only place must not go with them.
    assert!(timeout(Duration::from_millis(300), one(&db)).await.is_err(), "the connection is silent");
    let served_again = async { while one(&db).await.is_err() {} };
    timeout(Duration::from_secs(20), served_again).await.expect("another connection takes its place");
}
