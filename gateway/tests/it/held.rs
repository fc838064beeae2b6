//! A method that answers as often as it is let.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use tokio::{sync::Semaphore, task::yield_now, time::timeout};

use crate::world::SOON;

/// A method that answers as often as it is let. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Held {
    asked: Arc<AtomicUsize>,
    answers: Arc<Semaphore>,
}

impl Held {
    /// One that has not been let answer yet.
    pub(crate) fn silent() -> Self {
        Self { asked: Arc::default(), answers: Arc::new(Semaphore::new(0)) }
    }

    /// One that may always answer.
    pub(crate) fn free() -> Self {
        Self { asked: Arc::default(), answers: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)) }
    }

    /// Has been asked, and answers when it is let.
    pub(crate) async fn turn(self) {
        self.asked.fetch_add(1, SeqCst);
        self.answers.acquire().await.unwrap().forget();
    }

    /// Lets it answer so many times more.
    pub(crate) fn let_answer(&self, times: usize) {
        self.answers.add_permits(times);
    }

    /// How often it has been asked.
    pub(crate) fn times(&self) -> usize {
        self.asked.load(SeqCst)
    }

    /// Waits until it has been asked so often.
    pub(crate) async fn asked(&self, times: usize) {
        let asked = async {
            while self.times() < times {
                yield_now().await;
            }
        };
        timeout(SOON, asked).await.expect("it is asked in time");
    }
}
