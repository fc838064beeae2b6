//! A connection that has become something else than HTTP. Owns nothing of what that is.

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{seats::Seat, socket::Socket};

/// A connection that HTTP is done with, and its place among the others.
pub(crate) struct TakenOver {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// What the peer has sent already.
    pub(crate) begun: Bytes,
    _seat: Seat,
}

impl TakenOver {
    /// The connection itself, without anything that HTTP has kept about it.
    pub(crate) fn from_http(upgraded: Upgraded) -> Option<Self> {
        let parts = upgraded.downcast::<TokioIo<Socket>>().ok()?;
        let (stream, seat) = parts.io.into_inner().into_parts();
        Some(Self { stream, begun: parts.read_buf, _seat: seat })
    }
}
