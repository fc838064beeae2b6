//! A lean HTTP/1.1 client: one keep-alive connection, requests as ready bytes, one read buffer. It shares the machine
//! with what it measures, so it does no more than find where an answer ends. Owns no requests and no figures.

use std::{net::SocketAddr, ops::Range};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// How many headers an answer may have.
const HEADERS_MAX: usize = 64;
/// What is asked of the operating system at once.
const READ_SIZE: usize = 64 << 10;

/// A connection that asks one request at a time.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer, wholly received.
#[derive(Debug)]
pub struct Answer<'a> {
    /// The status code.
    pub status: u16,
    /// Whether it says when to try again.
    pub retry_after: bool,
    /// Whether the connection ends with it.
    pub closes: bool,
    /// The body.
    pub body: &'a [u8],
}

/// Where in the received bytes the parts of an answer lie.
#[derive(Debug)]
struct Layout {
    status: u16,
    retry_after: bool,
    closes: bool,
    body: Range<usize>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(READ_SIZE) })
    }

    /// Sends a request, given as its head and its body, and waits for the answer.
    pub async fn call(&mut self, head: &[u8], body: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(head).await.context("the request cannot be sent")?;
        if !body.is_empty() {
            self.stream.write_all(body).await.context("the request's body cannot be sent")?;
        }
        self.received.clear();
        let layout = loop {
            self.read_some().await?;
            if let Some(layout) = parse_head(&self.received)? {
                break layout;
            }
        };
        while self.received.len() < layout.body.end {
            self.read_some().await?;
        }
        ensure!(self.received.len() == layout.body.end, "there are bytes after the answer");
        let Layout { status, retry_after, closes, body } = layout;
        Ok(Answer { status, retry_after, closes, body: &self.received[body] })
    }

    async fn read_some(&mut self) -> anyhow::Result<()> {
        self.received.reserve(READ_SIZE);
        let count = self.stream.read_buf(&mut self.received).await.context("the answer cannot be read")?;
        ensure!(count > 0, "the connection was closed before the answer");
        Ok(())
    }
}

/// Reads an answer's head, once all of it is there.
fn parse_head(received: &[u8]) -> anyhow::Result<Option<Layout>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(received).context("the answer is not HTTP")? else {
        return Ok(None);
    };
    let status = response.code.context("the answer has no status")?;
    let header = |name: &str| {
        let mut headers = response.headers.iter();
        headers.find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let Some(length) = header("content-length") else {
        bail!("the answer {status} has no length");
    };
    let length: usize = std::str::from_utf8(length)?.parse().context("the answer's length is malformed")?;
    let (retry_after, closes) = (header("retry-after").is_some(), header("connection") == Some(b"close"));
    Ok(Some(Layout { status, retry_after, closes, body: head..head + length }))
}
