//! What waits to leave on a socket: bounded, shared with everybody else who is sent the same, and never waited for. Owns
//! no socket.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::{io::AsyncWrite, net::TcpStream};

use super::frame::Close;

/// How many bytes may wait. They are shared: a thousand sockets that are sent the same hold it once.
const BYTES_MAX: usize = 512 << 10;
/// How many pieces may wait.
const PIECES_MAX: usize = 2048;
/// Up to how many bytes that wait there is room for what nobody misses.
const LIGHT: usize = 16 << 10;
/// How many pieces leave in one system call.
const AT_ONCE: usize = 64;
/// How many places an empty queue keeps.
const KEPT: usize = 8;

/// What waits to leave on a socket.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// What waits here and what the socket has taken over and not written yet.
    bytes: AtomicUsize,
}

#[derive(Debug, Default)]
struct State {
    pieces: VecDeque<Bytes>,
    /// Nothing leaves yet.
    held: bool,
    /// Nothing is taken in any more.
    closed: Option<Close>,
    /// The connection is to end at once.
    cut: bool,
    waker: Option<Waker>,
    /// Who waits for the peer to take something. Nothing but the end of the connection concerns them.
    blocked: Option<Waker>,
}

/// The pieces that a socket has taken over.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pieces: VecDeque<Bytes>,
    /// Whether the first of them has left in part: a frame must not be broken off.
    begun: bool,
    closed: bool,
}

/// Where the writing stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Everything has left.
    All,
    /// Everything has left, and it ended with a close.
    Close,
    /// The connection is to end at once.
    Cut,
}

impl Outbox {
    /// Lets nothing leave before [`Self::release`].
    pub(super) fn hold(&self) {
        self.state().held = true;
    }

    /// Lets something leave. Where too much waits already, the socket is closed instead, and this answers so once.
    pub(super) fn push(&self, piece: &Bytes) -> Result<(), Overflow> {
        let mut state = self.state();
        if state.closed.is_some() {
            return Ok(());
        }
        if self.bytes.load(Ordering::Relaxed) + piece.len() > BYTES_MAX || state.pieces.len() >= PIECES_MAX {
            self.end(&mut state, Close::TooSlow);
            return Err(Overflow);
        }
        self.add(&mut state, piece.clone());
        Ok(())
    }

    /// Lets something leave that nobody misses, unless much waits already.
    pub(super) fn push_if_light(&self, piece: &Bytes) -> bool {
        let mut state = self.state();
        let light = state.closed.is_none() && self.bytes.load(Ordering::Relaxed) < LIGHT;
        if light {
            self.add(&mut state, piece.clone());
        }
        light
    }

    /// Lets `first` leave, and what was held after it.
    pub(super) fn release(&self, first: Bytes) {
        let mut state = self.state();
        state.held = false;
        if state.closed.is_none() {
            self.bytes.fetch_add(first.len(), Ordering::Relaxed);
            state.pieces.push_front(first);
        }
        wake(&mut state.waker);
    }

    /// Lets `last` leave, and then closes.
    pub(super) fn close(&self, last: Option<Bytes>, close: Close) {
        let mut state = self.state();
        if state.closed.is_some() {
            return;
        }
        state.held = false;
        if let Some(last) = last {
            self.add(&mut state, last);
        }
        self.add(&mut state, close.frame());
        state.closed = Some(close);
        wake(&mut state.waker);
    }

    /// Ends the connection at once.
    pub(super) fn cut(&self) {
        let mut state = self.state();
        state.cut = true;
        state.closed.get_or_insert(Close::Policy);
        wake(&mut state.waker);
        wake(&mut state.blocked);
    }

    /// Why the socket is being closed; nothing while it is not.
    pub(super) fn closed(&self) -> Option<Close> {
        self.state().closed
    }

    /// Whether so much waits that the peer is not asked for more.
    pub(super) fn is_heavy(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > LIGHT
    }

    /// Writes what waits, as much of it in a system call as there is. Not ready while the peer takes nothing.
    pub(super) fn poll_write(
        &self,
        leaving: &mut Leaving,
        stream: &mut TcpStream,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Written>> {
        loop {
            if let Some(written) = self.take(leaving, context) {
                return Poll::Ready(Ok(written));
            }
            match leaving.poll_write(stream, context)? {
                Poll::Ready(count) => self.bytes.fetch_sub(count, Ordering::Relaxed),
                Poll::Pending if self.wait_for_peer(context) => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Ok(Written::Cut)),
            };
        }
    }

    /// Has the task woken when the connection is to end; false where it is.
    fn wait_for_peer(&self, context: &Context<'_>) -> bool {
        let mut state = self.state();
        register(&mut state.blocked, context);
        !state.cut
    }

    /// Takes over what waits; answers where nothing is left to be written.
    fn take(&self, leaving: &mut Leaving, context: &Context<'_>) -> Option<Written> {
        let mut state = self.state();
        if state.cut {
            return Some(Written::Cut);
        }
        if state.closed == Some(Close::TooSlow) && !leaving.closed {
            // It would not get through what it has been sent; the next frame it sees says so.
            leaving.pieces.truncate(usize::from(leaving.begun));
        }
        leaving.closed = state.closed.is_some();
        if !state.held {
            leaving.pieces.append(&mut state.pieces);
        }
        if !leaving.pieces.is_empty() {
            return None;
        }
        // Room that a burst has taken is given back: an idle socket costs next to nothing.
        state.pieces.shrink_to(KEPT);
        leaving.pieces.shrink_to(KEPT);
        register(&mut state.waker, context);
        Some(if leaving.closed { Written::Close } else { Written::All })
    }

    fn add(&self, state: &mut State, piece: Bytes) {
        self.bytes.fetch_add(piece.len(), Ordering::Relaxed);
        state.pieces.push_back(piece);
        if state.pieces.len() == 1 {
            wake(&mut state.waker);
        }
    }

    /// Drops what waits and closes.
    fn end(&self, state: &mut State, close: Close) {
        state.pieces.clear();
        state.held = false;
        self.add(state, close.frame());
        state.closed = Some(close);
        wake(&mut state.waker);
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So much waited that the socket is being closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Leaving {
    /// Writes once, and answers how many bytes have left.
    fn poll_write(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); AT_ONCE];
        let count = self.pieces.len().min(AT_ONCE);
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
        }
        let count = ready!(Pin::new(stream).poll_write_vectored(context, &slices[..count]))?;
        if count == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.advance(count);
        Poll::Ready(Ok(count))
    }

    fn advance(&mut self, mut count: usize) {
        while let Some(first) = self.pieces.front_mut() {
            if count < first.len() {
                self.begun |= count > 0;
                first.advance(count);
                return;
            }
            count -= first.len();
            self.pieces.pop_front();
            self.begun = false;
        }
    }
}

/// Has the task woken by [`wake`], once.
fn register(waker: &mut Option<Waker>, context: &Context<'_>) {
    if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
        *waker = Some(context.waker().clone());
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, sync::Arc, time::Duration};

    use tokio::{net::TcpSocket, task::yield_now, time::timeout};

    use super::*;

    /// How often the task runs before it is taken to wait.
    const TURNS: usize = 100;

    /// A connection that takes little, and its peer.
    async fn narrow() -> (TcpStream, TcpStream) {
        let (here, there) = (TcpSocket::new_v4().unwrap(), TcpSocket::new_v4().unwrap());
        here.set_send_buffer_size(4096).unwrap();
        there.set_recv_buffer_size(4096).unwrap();
        here.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = here.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), there.connect(address));
        (accepted.unwrap().0, connected.unwrap())
    }

    #[tokio::test]
    async fn who_takes_nothing_is_cut_all_the_same() {
        let (mut stream, _peer) = narrow().await;
        let outbox = Arc::new(Outbox::default());
        outbox.push(&Bytes::from(vec![0; 500 << 10])).unwrap();
        let writing = tokio::spawn({
            let outbox = outbox.clone();
            let mut leaving = Leaving::default();
            async move { poll_fn(|context| outbox.poll_write(&mut leaving, &mut stream, context)).await.unwrap() }
        });
        let (mut waits, mut turns) = (0, 0);
        while turns < TURNS {
            yield_now().await;
            let bytes = outbox.bytes.load(Ordering::Relaxed);
            turns = if bytes == waits { turns + 1 } else { 0 };
            waits = bytes;
        }
        assert!(outbox.is_heavy(), "{waits} bytes wait");
        outbox.cut();
        let written = timeout(Duration::from_secs(10), writing).await.expect("the task is woken");
        assert_eq!(written.unwrap(), Written::Cut);
    }
}
