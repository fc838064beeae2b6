//! A connection that says exactly what a test wants said, well-formed or not. Owns no rules of HTTP but what is needed
//! to read an answer.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::process::PATIENCE;

/// A TCP connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
}

/// What came back until the server closed the connection.
#[derive(Debug)]
pub struct RawAnswer {
    /// The status of the first answer; 0 where there was none.
    pub status: u16,
    /// All of it.
    pub text: String,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a connection takes options");
        Self { stream }
    }

    /// Sends `bytes`; false where the server has closed the connection.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Reads until the server closes the connection.
    pub async fn answer(&mut self) -> RawAnswer {
        let mut bytes = Vec::new();
        // A reset after the answer is an end like another.
        let _ = timeout(PATIENCE, self.stream.read_to_end(&mut bytes)).await.expect("the server closes");
        RawAnswer::read(&bytes)
    }

    /// Reads no more than the status of the answer that comes.
    pub async fn status(&mut self) -> u16 {
        let mut start = [0; "HTTP/1.1 200".len()];
        let read = timeout(PATIENCE, self.stream.read_exact(&mut start)).await.expect("the server answers");
        read.expect("the answer has a status");
        RawAnswer::read(&start).status
    }

    /// Reads until `size` bytes have come in all or the server has closed the connection; answers how many came.
    pub async fn receive(&mut self, size: usize) -> usize {
        let mut buffer = vec![0; 64 << 10];
        let mut received = 0;
        while received < size {
            match timeout(PATIENCE, self.stream.read(&mut buffer)).await.expect("the server sends or closes") {
                Ok(0) | Err(_) => break,
                Ok(count) => received += count,
            }
        }
        received
    }

    /// Whether the server's end of the connection is open. Seen from outside, since an end that is closed while bytes
    /// of its own wait to be read looks open from here.
    pub fn is_held_by_the_server(&self) -> bool {
        const ESTABLISHED: &str = "01";
        let port = |address: std::io::Result<SocketAddr>| address.expect("the connection has two ends").port();
        let (ours, theirs) = (port(self.stream.local_addr()), port(self.stream.peer_addr()));
        let (local, remote) = (format!(":{theirs:04X}"), format!(":{ours:04X}"));
        let connections = std::fs::read_to_string("/proc/net/tcp").expect("Linux lists its connections");
        connections.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).any(|fields| {
            fields.len() > 3 && fields[1].ends_with(&local) && fields[2].ends_with(&remote) && fields[3] == ESTABLISHED
        })
    }

    /// Whether the server closes the connection within `patience`; what it sends first is dropped.
    pub async fn is_closed_within(&mut self, patience: Duration) -> bool {
        let mut buffer = [0; 4096];
        let until_closed = async { while matches!(self.stream.read(&mut buffer).await, Ok(1..)) {} };
        timeout(patience, until_closed).await.is_ok()
    }
}

impl RawAnswer {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Self { status, text }
    }
}

/// Sends `bytes` on a connection of their own and reads what comes back until it is closed.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> RawAnswer {
    let mut connection = Connection::open(address).await;
    connection.send(bytes).await;
    connection.answer().await
}
