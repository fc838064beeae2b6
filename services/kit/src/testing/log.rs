//! What is logged on a test's thread.

use std::{
    io,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
};

use tracing::{
    Dispatch,
    subscriber::{DefaultGuard, NoSubscriber},
};

/// Somebody who listens to nothing, for ever. While only one listens, tracing asks the thread that comes to a line
/// first who listens there, and where nobody does, the line is silent from then on, on every thread. Where there are
/// two, it asks both instead.
static OTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// What has been logged. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what is logged on this thread until the guard is dropped.
    pub fn listen(&self) -> DefaultGuard {
        LazyLock::force(&OTHER);
        let log = self.clone();
        tracing::subscriber::set_default(
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || log.clone()).finish(),
        )
    }

    /// How many lines hold a text.
    pub fn lines(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.bytes()).lines().filter(|line| line.contains(text)).count()
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
