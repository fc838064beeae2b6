//! Group commit: messages to one group that arrive while its last ones are being stored wait and are then stored
//! together, in one transaction, so a busy room costs a few transactions a second and an idle one waits for nobody.
//! Whoever sent a message and goes away cancels nothing.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chatroom_kit::{clock::Clock, ids::GroupId};
use tokio::sync::oneshot;
use tonic::Status;

use crate::{
    announce::Announcer,
    domain::Draft,
    error::Error,
    store::{Sent, Store},
};

/// How many messages one transaction stores at most.
const BATCH_MAX: usize = 256;
/// How many messages may wait for one group: about half a second's work.
const GROUP_WAITING_MAX: usize = 4096;
/// How many bytes of messages may wait in all.
const BYTES_WAITING_MAX: usize = 64 << 20;

/// Messages on their way into the database.
#[derive(Clone)]
pub(crate) struct Commits {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    announcer: Announcer,
    clock: Clock,
    waiting: Mutex<Waiting>,
}

/// What waits. A group has an entry exactly as long as a task stores its messages.
#[derive(Default)]
struct Waiting {
    groups: HashMap<GroupId, VecDeque<Item>>,
    bytes: usize,
}

struct Item {
    draft: Draft,
    answer: oneshot::Sender<Result<Sent, Error>>,
}

impl Item {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.draft.content.words().len()
    }
}

impl Commits {
    pub(crate) fn new(store: Store, announcer: Announcer, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { store, announcer, clock, waiting: Mutex::default() }) }
    }

    /// Stores a message and answers once it is stored for good.
    pub(crate) async fn send(&self, group: GroupId, draft: Draft) -> Result<Sent, Error> {
        let (answer, stored) = oneshot::channel();
        if self.inner.enqueue(group, Item { draft, answer })? {
            tokio::spawn(self.inner.clone().drain(group));
        }
        stored.await.map_err(|_| Error::Lost)?
    }
}

impl Inner {
    /// Lets a message wait; answers whether nobody is storing the group's messages yet.
    fn enqueue(&self, group: GroupId, item: Item) -> Result<bool, Error> {
        let mut waiting = self.waiting();
        let bytes = waiting.bytes + item.bytes();
        let idle = !waiting.groups.contains_key(&group);
        let queue = waiting.groups.entry(group).or_default();
        if bytes > BYTES_WAITING_MAX || queue.len() >= GROUP_WAITING_MAX {
            if idle {
                waiting.groups.remove(&group);
            }
            return Err(Error::Overloaded);
        }
        queue.push_back(item);
        waiting.bytes = bytes;
        Ok(idle)
    }

    /// Stores a group's messages until none wait.
    async fn drain(self: Arc<Self>, group: GroupId) {
        let turn = Turn { inner: &self, group };
        while let Some(batch) = self.take(group) {
            self.store(group, batch).await;
        }
        turn.end();
    }

    /// The next messages to store together; ends the group's turn where there are none.
    fn take(&self, group: GroupId) -> Option<Vec<Item>> {
        let mut waiting = self.waiting();
        let queue = waiting.groups.get_mut(&group)?;
        let batch: Vec<Item> = queue.drain(..queue.len().min(BATCH_MAX)).collect();
        if batch.is_empty() {
            waiting.groups.remove(&group);
            return None;
        }
        waiting.bytes -= batch.iter().map(Item::bytes).sum::<usize>();
        Some(batch)
    }

    async fn store(&self, group: GroupId, batch: Vec<Item>) {
        let (drafts, answers): (Vec<_>, Vec<_>) = batch.into_iter().map(|item| (item.draft, item.answer)).unzip();
        match self.store.send(group, &drafts, self.clock.now()).await {
            Ok(stored) => {
                for (answer, outcome) in answers.into_iter().zip(stored.outcomes) {
                    // Whoever went away has been stored all the same.
                    let _ = answer.send(outcome.map_err(Error::from));
                }
                self.announcer.events(stored.events);
            }
            Err(error) => {
                let status = Status::from(error);
                for answer in answers {
                    let _ = answer.send(Err(Error::Batch(status.clone())));
                }
            }
        }
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task's turn at a group. One that ends by a panic lets go of those who wait, or the group would be silent for ever.
struct Turn<'a> {
    inner: &'a Inner,
    group: GroupId,
}

impl Turn<'_> {
    /// Ends it in order: [`Inner::take`] has found nobody waiting, and the next message begins another turn.
    fn end(self) {
        std::mem::forget(self);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut waiting = self.inner.waiting();
        if let Some(queue) = waiting.groups.remove(&self.group) {
            waiting.bytes -= queue.iter().map(Item::bytes).sum::<usize>();
        }
    }
}
