//! The accept loop: connections are taken in, bounded, watched, and at the end drained. axum's own has no timeout for a
//! half-sent head, no bound on connections and no end to its drain (axum #3478). Owns no route.
//!
//! HTTP/1.1 only: it is what browsers and proxies speak on a plain connection, and every time and bound here holds for
//! a connection that carries one request at a time.

mod body;
mod connection;
mod expiry;
mod pace;
mod refuse;
mod seats;
mod socket;
mod upgrade;
mod watch;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use futures::FutureExt as _;
use socket2::SockRef;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use self::{connection::Connection, socket::Socket, watch::Watch};

pub(crate) use seats::Seats;
pub(crate) use upgrade::TakenOver;

/// How long to wait where a connection cannot be accepted: out of file descriptors, most likely, and others must end
/// first.
const BACKOFF: Duration = Duration::from_millis(100);
/// How much that is not sent yet the kernel holds. More would hide from us for how long a slow reader has taken nothing.
const UNSENT_MAX: u32 = 32 << 10;

/// How long things may take. The defaults are what the gateway is run with.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Without a request.
    pub idle: Duration,
    /// For 16 KiB of a body or of an answer, while the peer is what is waited for.
    pub stall: Duration,
    /// For what still comes after a request has been answered early.
    pub linger: Duration,
    /// For the services to answer a request, its own body included. Uploads, which may take as long as they make
    /// progress, lay it aside.
    pub budget: Duration,
    /// For the requests under way when the process is told to stop.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            linger: Duration::from_secs(2),
            budget: Duration::from_secs(10),
            drain: Duration::from_secs(8),
        }
    }
}

/// Serves `router` until `stop`, then lets the requests under way end.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    seats: Seats,
    patience: Patience,
    stop: CancellationToken,
) {
    let mut acceptor = Acceptor { router, seats, patience, stop: stop.clone(), connections: JoinSet::new() };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(ended) = acceptor.connections.join_next() => report(ended),
            accepted = listener.accept() => acceptor.take(accepted.map(|(stream, _)| stream)).await,
        }
    }
    // Who is in the queue already has been told by the kernel that we are here.
    while let Some(Ok((stream, _))) = listener.accept().now_or_never() {
        acceptor.take(Ok(stream)).await;
    }
    drop(listener);
    acceptor.drain().await;
}

struct Acceptor {
    router: Router,
    seats: Seats,
    patience: Patience,
    stop: CancellationToken,
    connections: JoinSet<()>,
}

impl Acceptor {
    async fn take(&mut self, accepted: io::Result<TcpStream>) {
        match accepted {
            Ok(stream) => self.serve(stream),
            Err(error) if is_the_peers(&error) => tracing::debug!(%error, "a peer went away before it was accepted"),
            Err(error) => {
                tracing::error!(%error, "a connection cannot be accepted");
                tokio::time::sleep(BACKOFF).await;
            }
        }
    }

    fn serve(&mut self, stream: TcpStream) {
        // A peer that is gone already has no address and takes no options; reading from it says the rest.
        let Ok(peer) = stream.peer_addr() else {
            return;
        };
        let peer = peer.ip().to_canonical();
        let Some(seat) = self.seats.take(peer) else {
            refuse::refuse(&stream);
            return;
        };
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX);
        let watch = Arc::new(Watch::new(self.patience));
        let socket = Socket::new(stream, seat, watch.clone());
        let connection = Connection { socket, peer, watch, router: self.router.clone(), stop: self.stop.child_token() };
        self.connections.spawn(connection.serve());
    }

    /// Waits for the connections to end, and ends those that do not.
    async fn drain(mut self) {
        let all = async { while self.connections.join_next().await.map(report).is_some() {} };
        if timeout(self.patience.drain, all).await.is_err() {
            tracing::warn!(connections = self.connections.len(), "requests still under way were cut off");
            self.connections.shutdown().await;
        }
    }
}

/// Whether only the one connection is concerned.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection panicked");
    }
}
