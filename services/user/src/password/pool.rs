//! A few threads that compute hashes, each in work memory of its own that it keeps. Bounds how many compute at once
//! and how many wait; what they compute is `password.rs`.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use argon2::{Block, password_hash};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot},
    time::timeout,
};

use crate::error::Error;

/// How long a caller waits for its turn.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many callers may wait for each thread: about as many as it serves in the time that the last would wait.
const WAITING: usize = 128;

type Job = Box<dyn FnOnce(&mut Vec<Block>) + Send>;

/// The threads. They end with this value.
pub(super) struct Pool {
    /// One for each caller, computing or waiting.
    places: Semaphore,
    /// One for each thread that has nothing to do.
    idle: Arc<Semaphore>,
    jobs: mpsc::Sender<Job>,
}

/// The right to compute one hash. A caller that goes away gives it up, so that nothing is computed for nobody.
pub(crate) struct Turn<'a> {
    pool: &'a Pool,
    _place: SemaphorePermit<'a>,
    thread: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn start(threads: usize) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = queue.clone();
            thread::Builder::new().name("password".into()).spawn(move || work(&queue))?;
        }
        let places = Semaphore::new(threads * (1 + WAITING));
        Ok(Self { places, idle: Arc::new(Semaphore::new(threads)), jobs })
    }

    /// Waits for a thread to become idle, but not for long and not behind too many others.
    pub(super) async fn turn(&self) -> Result<Turn<'_>, Error> {
        let place = self.places.try_acquire().map_err(|_| Error::Overloaded)?;
        let Ok(Ok(thread)) = timeout(PATIENCE, self.idle.clone().acquire_owned()).await else {
            return Err(Error::Overloaded);
        };
        Ok(Turn { pool: self, _place: place, thread })
    }
}

impl Turn<'_> {
    /// Runs `compute` on the idle thread. What has begun runs to its end even where the caller goes away.
    pub(super) async fn run<T, F>(self, compute: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Vec<Block>) -> T + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let thread = self.thread;
        let job: Job = Box::new(move |memory| {
            let outcome = compute(memory);
            drop(thread);
            // The caller may have gone away.
            let _ = reply.send(outcome);
        });
        self.pool.jobs.send(job).map_err(|_| password_hash::Error::Internal)?;
        Ok(answer.await.map_err(|_| password_hash::Error::Internal)?)
    }
}

fn work(queue: &Mutex<mpsc::Receiver<Job>>) {
    let mut memory = Vec::new();
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else {
            return;
        };
        job(&mut memory);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use futures::{FutureExt as _, future};

    use super::*;

    /// Holds the pool's threads until the barrier is met.
    async fn hold(pool: &Pool, barrier: &Arc<Barrier>) -> Result<bool, Error> {
        let barrier = barrier.clone();
        pool.turn().await?.run(move |_| barrier.wait().is_leader()).await
    }

    #[tokio::test]
    async fn threads_compute_at_once_and_in_turn() {
        let pool = Pool::start(2).unwrap();
        let barrier = Arc::new(Barrier::new(2));
        // Each pair meets at the barrier: with one thread none would.
        let outcomes = future::join_all((0..6).map(|_| hold(&pool, &barrier))).await;
        assert_eq!(outcomes.into_iter().filter(|outcome| *outcome.as_ref().unwrap()).count(), 3);
    }

    #[tokio::test]
    async fn more_than_may_wait_are_refused_at_once() {
        let pool = Pool::start(1).unwrap();
        let held = pool.turn().await.unwrap();
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(pool.turn())).collect();
        for turn in &mut waiting {
            assert!(turn.now_or_never().is_none());
        }
        assert!(matches!(pool.turn().now_or_never(), Some(Err(Error::Overloaded))));
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_long() {
        let pool = Pool::start(1).unwrap();
        let _held = pool.turn().await.unwrap();
        assert!(matches!(pool.turn().await, Err(Error::Overloaded)));
    }

    #[tokio::test]
    async fn a_caller_that_goes_away_leaves_the_queue() {
        let pool = Pool::start(1).unwrap();
        let held = pool.turn().await.unwrap();
        let mut waiting = Box::pin(pool.turn());
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        drop(held);
        assert_eq!(pool.places.available_permits(), 1 + WAITING);
        assert!(pool.turn().now_or_never().is_some());
    }
}
