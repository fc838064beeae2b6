//! The timer of a connection: one, set again only where a deadline comes sooner than it rings.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::time::{Sleep, sleep_until};

use super::watch::Watch;

/// Ends once the peer has kept its connection waiting for too long. It must be polled after the connection is, whenever
/// that is: what the connection waits for may have changed.
pub(super) struct Expiry {
    watch: Arc<Watch>,
    sleep: Pin<Box<Sleep>>,
}

impl Expiry {
    pub(super) fn new(watch: Arc<Watch>) -> Self {
        let sleep = Box::pin(sleep_until(tokio::time::Instant::now() + watch.patience().idle));
        Self { watch, sleep }
    }
}

impl Future for Expiry {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(deadline) = self.watch.deadline() else {
                return Poll::Pending;
            };
            if deadline < self.sleep.deadline() || self.sleep.is_elapsed() {
                self.sleep.as_mut().reset(deadline);
            }
            std::task::ready!(self.sleep.as_mut().poll(context));
            // It may have rung for a deadline that has since moved.
            if self.sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
        }
    }
}
