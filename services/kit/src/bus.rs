//! Hints between processes: "this group has moved on", "this user has read". At most once, and never the record: a
//! hint may be late, doubled, out of order or lost, and whoever listens reads the sequence itself to find out. Owns
//! the two ways hints travel; what they say belongs to the services.

mod local;
mod nats;

use std::fmt;

use bytes::Bytes;
use tokio::sync::watch;

use crate::{
    config::BusConfig,
    ids::{GroupId, UserId},
};

/// How many hints about one subject may wait for a listener; the oldest are lost first, or the newest over NATS.
const WAITING_HINTS: usize = 64;

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The events of a group. Only the group service publishes it.
    Group(GroupId),
    /// What concerns one user's devices.
    User(UserId),
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => write!(formatter, "chatroom.group.{id}"),
            Self::User(id) => write!(formatter, "chatroom.user.{id}"),
        }
    }
}

/// The way hints travel. Clones share it.
#[derive(Clone, Debug)]
pub enum Bus {
    /// Within this process.
    Local(local::Local),
    /// Between processes, through a NATS server.
    Nats(nats::Nats),
}

impl Bus {
    /// A bus within this process.
    pub fn local() -> Self {
        Self::Local(local::Local::default())
    }

    /// The bus that the settings name. A server that is away is tried for ever, and stops nothing.
    pub async fn connect(name: &str, config: &BusConfig) -> anyhow::Result<Self> {
        Ok(Self::Nats(nats::Nats::connect(name, config).await?))
    }

    /// Tells whoever listens now. Never waits: a hint that cannot leave at once is dropped.
    pub fn publish(&self, subject: Subject, hint: Bytes) {
        match self {
            Self::Local(local) => local.publish(subject, hint),
            Self::Nats(nats) => nats.publish(subject, hint),
        }
    }

    /// Listens to a subject until the answer is dropped. It may wait while the bus is away, so call it from the task
    /// that reads the hints.
    pub async fn subscribe(&self, subject: Subject) -> Hints {
        Hints(match self {
            Self::Local(local) => Source::Local(local.subscribe(subject)),
            Self::Nats(nats) => nats.subscribe(subject).await.map_or(Source::Closed, Source::Nats),
        })
    }

    /// Counts how often the bus has become reachable: a change means that hints may have been lost before it. It never
    /// changes within a process.
    pub fn connections(&self) -> watch::Receiver<u64> {
        match self {
            Self::Local(local) => local.connections(),
            Self::Nats(nats) => nats.connections(),
        }
    }
}

/// The hints about one subject, from the moment of subscribing on.
#[derive(Debug)]
pub struct Hints(Source);

#[derive(Debug)]
enum Source {
    Local(local::Subscription),
    Nats(async_nats::Subscriber),
    Closed,
}

impl Hints {
    /// The next hint; nothing once the bus is gone for good. A listener that is too slow misses some.
    pub async fn next(&mut self) -> Option<Bytes> {
        match &mut self.0 {
            Source::Local(subscription) => subscription.next().await,
            Source::Nats(subscriber) => futures::StreamExt::next(subscriber).await.map(|message| message.payload),
            Source::Closed => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_reads_as_operators_permit_it() {
        let id: GroupId = "64e313309054f1bdf19707c1".parse().unwrap();
        assert_eq!(Subject::Group(id).to_string(), "chatroom.group.64e313309054f1bdf19707c1");
        let id: UserId = "64e2e53561a25a30db767a40".parse().unwrap();
        assert_eq!(Subject::User(id).to_string(), "chatroom.user.64e2e53561a25a30db767a40");
    }
}
