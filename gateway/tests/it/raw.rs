//! A connection that says exactly what a test wants said.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::world::SOON;

/// A TCP connection to a gateway.
pub(crate) struct Connection(TcpStream);

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// One whose kernel takes in little that nobody reads.
    pub(crate) async fn narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self(socket.connect(address).await.unwrap())
    }

    /// Sends `bytes`; false where the other side has closed the connection.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.0.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Reads until `text` has come.
    pub(crate) async fn read_until(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        let until = async {
            while !String::from_utf8_lossy(&read).contains(text) {
                let byte = self.0.read_u8().await.unwrap_or_else(|error| panic!("{error} after {read:?}"));
                read.push(byte);
            }
        };
        timeout(SOON, until).await.expect("an answer in time");
        String::from_utf8(read).unwrap()
    }

    /// Reads some of what there is; empty once the other side has closed the connection.
    pub(crate) async fn read_some(&mut self) -> Vec<u8> {
        let mut buffer = vec![0; 16 << 10];
        let read = timeout(SOON, self.0.read(&mut buffer)).await.expect("an answer in time");
        buffer.truncate(read.unwrap_or(0));
        buffer
    }

    /// Reads until the other side closes the connection.
    pub(crate) async fn read_to_end(&mut self) -> String {
        let mut read = Vec::new();
        loop {
            match self.read_some().await {
                bytes if bytes.is_empty() => return String::from_utf8_lossy(&read).into_owned(),
                bytes => read.extend(bytes),
            }
        }
    }
}

/// Sends `bytes` on a connection of their own and reads what comes back until it is closed.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> String {
    let mut connection = Connection::open(address).await;
    connection.send(bytes).await;
    connection.read_to_end().await
}
