//! The bus within one process: a broadcast channel for each subject that someone listens to.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use super::{Subject, Topic, WAITING_HINTS, WAITING_OF_ALL};

/// A bus within one process.
#[derive(Clone, Debug)]
pub struct Local {
    channels: Arc<Mutex<Channels>>,
    /// For those who listen to all subjects of a kind.
    users: broadcast::Sender<(Subject, Bytes)>,
    live: broadcast::Sender<(Subject, Bytes)>,
    connections: Arc<watch::Sender<u64>>,
}

type Channels = HashMap<Subject, broadcast::Sender<Bytes>>;

impl Default for Local {
    fn default() -> Self {
        let [users, live] = [broadcast::Sender::new(WAITING_OF_ALL), broadcast::Sender::new(WAITING_OF_ALL)];
        Self { channels: Arc::default(), users, live, connections: Arc::new(watch::Sender::new(1)) }
    }
}

impl Local {
    pub(super) fn publish(&self, subject: Subject, hint: Bytes) {
        if let Some(topic) = subject.topic() {
            let _ = self.all(topic).send((subject, hint.clone()));
        }
        if let Some(channel) = self.channels().get(&subject) {
            // Its last listener may just be leaving.
            let _ = channel.send(hint);
        }
    }

    pub(super) fn subscribe(&self, subject: Subject) -> Subscription {
        let mut channels = self.channels();
        let channel = channels.entry(subject).or_insert_with(|| broadcast::Sender::new(WAITING_HINTS));
        Subscription { hints: Some(channel.subscribe()), subject, bus: self.clone() }
    }

    pub(super) fn subscribe_all(&self, topic: Topic) -> broadcast::Receiver<(Subject, Bytes)> {
        self.all(topic).subscribe()
    }

    fn all(&self, topic: Topic) -> &broadcast::Sender<(Subject, Bytes)> {
        match topic {
            Topic::Users => &self.users,
            Topic::Live => &self.live,
        }
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }

    /// Nothing is left half-done under the lock, so a panic elsewhere does not spoil it.
    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Someone who listens to a subject.
#[derive(Debug)]
pub(super) struct Subscription {
    /// There until it is dropped.
    hints: Option<broadcast::Receiver<Bytes>>,
    subject: Subject,
    bus: Local,
}

impl Subscription {
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let hints = self.hints.as_mut()?;
        loop {
            match hints.recv().await {
                Ok(hint) => return Some(hint),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // Left under the lock: of two who leave at once, the second sees that it is the last.
        let mut channels = self.bus.channels();
        drop(self.hints.take());
        if let Entry::Occupied(channel) = channels.entry(self.subject)
            && channel.get().receiver_count() == 0
        {
            channel.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    #[tokio::test]
    async fn every_listener_hears_its_own_subject() {
        let bus = Local::default();
        let (subject, other) = (Subject::Group(GroupId::new()), Subject::Group(GroupId::new()));
        let mut listeners = [bus.subscribe(subject), bus.subscribe(subject)];
        bus.publish(other, Bytes::from_static(b"other"));
        bus.publish(subject, Bytes::from_static(b"own"));
        for listener in &mut listeners {
            assert_eq!(listener.next().await.unwrap(), "own");
        }
    }

    #[tokio::test]
    async fn a_slow_listener_misses_the_oldest_hints() {
        let bus = Local::default();
        let subject = Subject::Group(GroupId::new());
        let mut listener = bus.subscribe(subject);
        for number in 0..=WAITING_HINTS {
            bus.publish(subject, Bytes::from(number.to_string()));
        }
        assert_eq!(listener.next().await.unwrap(), "1");
    }

    #[test]
    fn a_subject_nobody_listens_to_costs_nothing() {
        let bus = Local::default();
        let subject = Subject::Group(GroupId::new());
        let (first, second) = (bus.subscribe(subject), bus.subscribe(subject));
        drop(first);
        assert_eq!(bus.channels().len(), 1);
        drop(second);
        assert!(bus.channels().is_empty());
    }
}
