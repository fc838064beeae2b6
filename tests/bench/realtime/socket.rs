//! A socket of the chat, as lean as a client can be: it shares the machine with what it measures. A buffer to read into
//! is lent by the caller, since only one socket is read at a time; a socket keeps no more than the piece of a frame.

use std::{net::SocketAddr, rc::Rc};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt as _,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Mutex,
};

use super::frame::{self, Frame};
use crate::request;

/// How long the buffer is that sockets are read into.
pub(crate) const READ_SIZE: usize = 64 << 10;
/// What a client must be able to be asked: any key will do.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// The receiving half of a socket.
pub(crate) struct Socket {
    stream: OwnedReadHalf,
    /// The beginning of a frame whose end has not come.
    rest: Vec<u8>,
    writer: Rc<Writer>,
}

/// The sending half of a socket.
pub(crate) struct Writer(Mutex<OwnedWriteHalf>);

/// The server's answer to `connect`.
#[derive(Debug, Deserialize)]
pub(crate) struct Connected {
    /// The groups that the user is in.
    pub(crate) groups: Vec<Standing>,
}

/// Where a group stands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Standing {
    /// Its id.
    pub(crate) group: String,
    /// The last place in its sequence.
    pub(crate) head_seq: i64,
}

impl Writer {
    /// Sends frames.
    pub(crate) async fn write(&self, frames: &[u8]) -> anyhow::Result<()> {
        self.0.lock().await.write_all(frames).await.context("the server takes no more frames")
    }
}

impl Socket {
    /// Opens a socket and signs in.
    pub(crate) async fn open(address: SocketAddr, token: &str) -> anyhow::Result<(Self, Connected)> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        let (stream, writer) = stream.into_split();
        let mut socket = Self { stream, rest: Vec::new(), writer: Rc::new(Writer(Mutex::new(writer))) };
        let buffer = &mut [0; 4096];
        socket.shake_hands(buffer).await?;
        let mut connect = Vec::new();
        frame::write_text(&mut connect, json!({"id": 1, "type": "connect", "token": token}).to_string().as_bytes());
        socket.writer.write(&connect).await?;
        let connected = socket.connected(buffer).await?;
        Ok((socket, connected))
    }

    /// The sending half.
    pub(crate) fn writer(&self) -> Rc<Writer> {
        self.writer.clone()
    }

    async fn shake_hands(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        let mut head = Vec::new();
        request::write(
            &mut head,
            format_args!(
                "GET /h5/ws HTTP/1.1\r\nhost: chatroom\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\r\n"
            ),
        );
        self.writer.write(&head).await?;
        loop {
            self.receive(buffer).await?;
            if let Some(end) = self.rest.windows(4).position(|window| window == b"\r\n\r\n") {
                let answer = String::from_utf8_lossy(&self.rest);
                ensure!(answer.starts_with("HTTP/1.1 101 "), "the server opens no socket: {answer}");
                self.rest.drain(..end + 4);
                return Ok(());
            }
        }
    }

    async fn connected(&mut self, buffer: &mut [u8]) -> anyhow::Result<Connected> {
        loop {
            if let Some((frame, length)) = frame::first(&self.rest)? {
                let Frame::Text(text) = frame else {
                    bail!("the server answers connect with {frame:?}");
                };
                let connected = serde_json::from_slice(text)
                    .with_context(|| format!("the server answers connect with {}", String::from_utf8_lossy(text)))?;
                self.rest.drain(..length);
                return Ok(connected);
            }
            self.receive(buffer).await?;
        }
    }

    /// Receives something more into `rest`.
    async fn receive(&mut self, buffer: &mut [u8]) -> anyhow::Result<()> {
        let count = self.read_some(buffer).await?;
        self.rest.extend_from_slice(&buffer[..count]);
        Ok(())
    }

    /// Waits until there is something to read. Cheap to wait in: no buffer is held.
    pub(crate) async fn wait(&self) -> anyhow::Result<()> {
        // What came with the answer to connect is read already.
        if frame::first(&self.rest)?.is_none() {
            self.stream.readable().await?;
        }
        Ok(())
    }

    /// Gives `take` each frame that is there.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        mut take: impl FnMut(Frame<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let count = match self.stream.try_read(buffer) {
            Ok(0) => bail!("the server closed the socket without a word"),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error).context("a socket cannot be read"),
        };
        let received = &buffer[..count];
        if self.rest.is_empty() {
            let taken = take_frames(received, &mut take)?;
            self.rest.extend_from_slice(&received[taken..]);
        } else {
            self.rest.extend_from_slice(received);
            let taken = take_frames(&self.rest, &mut take)?;
            self.rest.drain(..taken);
        }
        Ok(())
    }

    async fn read_some(&mut self, buffer: &mut [u8]) -> anyhow::Result<usize> {
        loop {
            self.stream.readable().await?;
            match self.stream.try_read(buffer) {
                Ok(0) => bail!("the server closed the connection: {}", String::from_utf8_lossy(&self.rest)),
                Ok(count) => return Ok(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error).context("a socket cannot be read"),
            }
        }
    }
}

/// Gives `take` each whole frame; answers how many bytes they had.
fn take_frames(received: &[u8], take: &mut impl FnMut(Frame<'_>) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let mut taken = 0;
    while let Some((frame, length)) = frame::first(&received[taken..])? {
        take(frame)?;
        taken += length;
    }
    Ok(taken)
}
