//! A connection's socket: tells the watch what passes through it, and closes so that a peer that is still writing can
//! read its answer. Owns no timeout but that of closing.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

use super::{seats::Seat, watch::Watch};

/// How much is read of what nobody wants, for the sake of the answer.
const LINGER_MAX: usize = 8 << 20;

/// A connection's socket and its place among the others.
pub(super) struct Socket {
    stream: TcpStream,
    watch: Arc<Watch>,
    closing: Option<Closing>,
    seat: Seat,
}

/// The answer is out, and the peer has been told that nothing follows.
struct Closing {
    sleep: Pin<Box<Sleep>>,
    left: usize,
}

impl Socket {
    pub(super) fn new(stream: TcpStream, seat: Seat, watch: Arc<Watch>) -> Self {
        Self { stream, watch, closing: None, seat }
    }

    /// What is left of it when it is HTTP's no longer: nobody watches it any more.
    pub(super) fn into_parts(self) -> (TcpStream, Seat) {
        (self.stream, self.seat)
    }

    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.watch.write_waits(),
            Poll::Ready(Ok(bytes)) => self.watch.written(*bytes),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Reads and drops what still comes. A socket that is closed with bytes unread resets the connection, and an
    /// ordinary client, which writes all of its request before it reads, would never see why it was refused.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else {
            return Poll::Ready(());
        };
        let mut buffer = [0; 16 << 10];
        while closing.left > 0 && closing.sleep.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut buffer);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            closing.left = closing.left.saturating_sub(buffer.filled().len());
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.watch.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.noted(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            if !self.watch.is_unread() {
                return Poll::Ready(Ok(()));
            }
            let sleep = Box::pin(sleep(self.watch.patience().linger));
            self.closing = Some(Closing { sleep, left: LINGER_MAX });
        }
        self.poll_linger(context).map(Ok)
    }
}
