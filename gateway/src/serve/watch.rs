//! What a connection waits for, and since when. The socket, the bodies and the service of a connection tell it; the
//! expiry asks it. Owns no timer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::{Patience, pace::Pace};

/// What one connection waits for.
pub(super) struct Watch {
    patience: Patience,
    /// All of it belongs to one task; the lock is never waited for.
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    /// Of a request's body.
    reading: Pace,
    /// Of an answer.
    writing: Pace,
    /// Whether a request was answered before its body had been read.
    unread: bool,
    draining: bool,
}

/// Where a connection stands.
#[derive(Clone, Copy)]
enum Phase {
    /// No byte of a request has come.
    Quiet(Instant),
    /// Some of a request's head has come.
    Head(Instant),
    /// A request is being served.
    Serving,
}

impl Watch {
    pub(super) fn new(patience: Patience) -> Self {
        let state = State {
            phase: Phase::Quiet(Instant::now()),
            reading: Pace::default(),
            writing: Pace::default(),
            unread: false,
            draining: false,
        };
        Self { patience, state: Mutex::new(state) }
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is in it stays true whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes have come from the socket.
    pub(super) fn received(&self) {
        let mut state = self.state();
        if let Phase::Quiet(_) = state.phase {
            state.phase = Phase::Head(Instant::now());
        }
    }

    /// The socket takes nothing more for now.
    pub(super) fn write_waits(&self) {
        self.state().writing.wait(Instant::now);
    }

    /// The socket has taken some bytes.
    pub(super) fn written(&self, bytes: usize) {
        self.state().writing.progress(bytes, Instant::now);
    }

    /// A request's head is complete.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.phase = Phase::Serving;
        state.unread = false;
        state.reading.end();
        state.writing.restart();
    }

    /// The service waits for more of a request's body.
    pub(super) fn body_waits(&self) {
        self.state().reading.wait(Instant::now);
    }

    /// Some of a request's body has come.
    pub(super) fn body_came(&self, bytes: usize) {
        self.state().reading.progress(bytes, Instant::now);
    }

    /// The service is done with a request's body, all of which it has read unless `unread`.
    pub(super) fn body_done(&self, unread: bool) {
        let mut state = self.state();
        state.reading.end();
        state.unread |= unread;
    }

    /// The answer has been handed over to the socket.
    pub(super) fn answered(&self) {
        self.state().phase = Phase::Quiet(Instant::now());
    }

    /// The process is about to end.
    pub(super) fn drain(&self) {
        self.state().draining = true;
    }

    pub(super) fn is_draining(&self) -> bool {
        self.state().draining
    }

    /// Whether something may still come that nobody will read.
    pub(super) fn is_unread(&self) -> bool {
        let state = self.state();
        state.unread || matches!(state.phase, Phase::Head(_))
    }

    /// When the peer will have kept the connection waiting for too long; none where it is not the peer's turn.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let phase = match state.phase {
            // A client that has connected just now may still be writing its request.
            Phase::Quiet(since) if state.draining => Some(since + self.patience.linger),
            Phase::Quiet(since) => Some(since + self.patience.idle),
            Phase::Head(since) => Some(since + self.patience.head),
            Phase::Serving => None,
        };
        let stall = self.patience.stall;
        [phase, state.reading.deadline(stall), state.writing.deadline(stall)].into_iter().flatten().min()
    }
}
