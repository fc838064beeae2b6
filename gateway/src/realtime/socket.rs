//! One socket's task: writes what waits, reads what comes, and does one request at a time, so that what a client sends in
//! order happens in order. Owns the connection. It holds no buffer while nothing passes: what comes is read into the
//! stack, and what leaves is shared.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use chatroom_kit::auth::Caller;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    device::Device,
    frame::{self, Close, Incoming, Reader},
    outbox::{Leaving, Written},
    session::{Session, Work},
};
use crate::{address::ClientAddress, serve::TakenOver, state::App};

/// How much is read at once.
const READ_MAX: usize = 8 << 10;

/// A socket.
pub(super) struct Socket {
    connection: TakenOver,
    app: App,
    device: Arc<Device>,
    reader: Reader,
    leaving: Leaving,
    session: Session,
    work: Option<Work>,
    /// Everything has been written, the close included: what still comes is read and dropped, so that the peer can read
    /// why it was closed.
    lingers: bool,
}

impl Socket {
    /// A socket on a connection that HTTP is done with; `caller` is who opened it, where that was said.
    pub(super) fn new(app: &App, connection: TakenOver, address: ClientAddress, caller: Option<Arc<Caller>>) -> Self {
        let device = app.hub.open();
        let session = Session::new(app.clone(), device.clone(), address);
        let work = caller.map(|caller| session.begin_signed_in(caller));
        let mut reader = Reader::default();
        reader.feed(&connection.begun);
        let leaving = Leaving::default();
        Self { connection, app: app.clone(), device, reader, leaving, session, work, lingers: false }
    }

    fn poll_all(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.lingers {
                return self.poll_linger(context);
            }
            let written = self.device.outbox.poll_write(&mut self.leaving, &mut self.connection.stream, context)?;
            match written {
                Poll::Ready(Written::Cut) => return Poll::Ready(Ok(())),
                Poll::Ready(Written::Close) => {
                    ready!(Pin::new(&mut self.connection.stream).poll_shutdown(context))?;
                    self.lingers = true;
                    // Nobody would hear what comes of it, and it holds a place that others wait for.
                    self.work = None;
                    continue;
                }
                Poll::Pending | Poll::Ready(Written::All) => {}
            }
            // Also while the peer takes nothing: work holds a place that others wait for.
            if let Some(work) = &mut self.work {
                let user = ready!(work.as_mut().poll(context));
                self.session.done(user);
                self.work = None;
                // The peer could not be heard meanwhile.
                self.device.hear(self.app.hub.beats.now());
                continue;
            }
            let outbox = &self.device.outbox;
            if written.is_pending() && (outbox.is_heavy() || outbox.closed().is_some()) {
                // Nothing is taken from who takes nothing, once much waits for them; nor from who is being closed.
                return Poll::Pending;
            }
            match self.reader.next() {
                Ok(Some(incoming)) => self.take(incoming),
                Ok(None) => {
                    if !ready!(self.poll_read(context))? {
                        return Poll::Ready(Ok(()));
                    }
                }
                Err(close) => self.device.outbox.close(None, close),
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Text(text) => self.work = self.session.take(&text),
            // One that does not fit closes the socket.
            Incoming::Ping(payload) => {
                let _ = self.device.outbox.push(&frame::pong(&payload));
            }
            Incoming::Pong => {}
            Incoming::Close(code) => self.device.outbox.close(None, Close::Asked(code.unwrap_or(1000))),
        }
    }

    /// Reads once; false at the end of what the peer sends.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = [MaybeUninit::uninit(); READ_MAX];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        ready!(Pin::new(&mut self.connection.stream).poll_read(context, &mut bytes))?;
        if bytes.filled().is_empty() {
            return Poll::Ready(Ok(false));
        }
        self.device.hear(self.app.hub.beats.now());
        self.reader.feed(bytes.filled());
        Poll::Ready(Ok(true))
    }

    /// Drops what still comes. A socket that is closed with bytes unread resets the connection.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // Whether it is to be cut, and the place to be told so.
            let written = self.device.outbox.poll_write(&mut self.leaving, &mut self.connection.stream, context);
            if matches!(written, Poll::Ready(Ok(Written::Cut))) {
                return Poll::Ready(Ok(()));
            }
            let mut bytes = [MaybeUninit::uninit(); READ_MAX];
            let mut bytes = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.connection.stream).poll_read(context, &mut bytes))?;
            if bytes.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Future for Socket {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_all(context)) {
            // Peers go away in the middle of things.
            tracing::debug!(%error, "a socket broke");
        }
        Poll::Ready(())
    }
}
