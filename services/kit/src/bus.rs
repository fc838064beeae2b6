//! Hints between processes: "this group has moved on", "this user has read". At most once, and never the record: a
//! hint may be late, doubled, out of order or lost, and whoever listens reads the sequence itself to find out. Owns
//! the two ways hints travel; what they say belongs to the services.

mod local;
mod nats;

use std::{fmt, str::FromStr};

use bytes::Bytes;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::{
    config::BusConfig,
    ids::{GroupId, Malformed, UserId},
};

/// How many hints about one subject may wait for a listener; the oldest are lost first, or the newest over NATS.
const WAITING_HINTS: usize = 64;
/// The same for all subjects of a kind.
const WAITING_OF_ALL: usize = 4096;

/// What a hint is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// The events of a group. Only the group service publishes it.
    Group(GroupId),
    /// What concerns one user's devices.
    User(UserId),
    /// What gateways tell each other about a group: who is there, who is typing.
    Live(GroupId),
}

/// All subjects of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// Every [`Subject::User`].
    Users,
    /// Every [`Subject::Live`].
    Live,
}

impl Subject {
    /// The user whom it is about.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(id),
            Self::Group(_) | Self::Live(_) => None,
        }
    }

    /// The group that it is about.
    pub fn group(self) -> Option<GroupId> {
        match self {
            Self::Group(id) | Self::Live(id) => Some(id),
            Self::User(_) => None,
        }
    }

    fn topic(self) -> Option<Topic> {
        match self {
            Self::Group(_) => None,
            Self::User(_) => Some(Topic::Users),
            Self::Live(_) => Some(Topic::Live),
        }
    }
}

impl FromStr for Subject {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let (kind, id) = text.strip_prefix("chatroom.").and_then(|rest| rest.split_once('.')).ok_or(Malformed)?;
        match kind {
            "group" => Ok(Self::Group(id.parse()?)),
            "user" => Ok(Self::User(id.parse()?)),
            "live" => Ok(Self::Live(id.parse()?)),
            _ => Err(Malformed),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(id) => write!(formatter, "chatroom.group.{id}"),
            Self::User(id) => write!(formatter, "chatroom.user.{id}"),
            Self::Live(id) => write!(formatter, "chatroom.live.{id}"),
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

    /// Listens to all subjects of a kind, other than groups' events, until the answer is dropped. It may wait while the
    /// bus is away.
    pub async fn subscribe_all(&self, topic: Topic) -> AllHints {
        AllHints(match self {
            Self::Local(local) => AllSource::Local(local.subscribe_all(topic)),
            Self::Nats(nats) => nats.subscribe_all(topic).await.map_or(AllSource::Closed, AllSource::Nats),
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

/// The hints about all subjects of a kind, from the moment of subscribing on.
#[derive(Debug)]
pub struct AllHints(AllSource);

#[derive(Debug)]
enum AllSource {
    Local(broadcast::Receiver<(Subject, Bytes)>),
    Nats(async_nats::Subscriber),
    Closed,
}

impl AllHints {
    /// The next hint and what it is about; nothing once the bus is gone for good. A listener that is too slow misses
    /// some.
    pub async fn next(&mut self) -> Option<(Subject, Bytes)> {
        loop {
            match &mut self.0 {
                AllSource::Local(hints) => match hints.recv().await {
                    Ok(hint) => return Some(hint),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                },
                AllSource::Nats(subscriber) => {
                    let message = futures::StreamExt::next(subscriber).await?;
                    // Whoever may publish there may publish nonsense.
                    if let Ok(subject) = message.subject.parse() {
                        return Some((subject, message.payload));
                    }
                }
                AllSource::Closed => return None,
            }
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

    #[test]
    fn a_subject_is_read_as_it_is_written() {
        for subject in [Subject::Group(GroupId::new()), Subject::User(UserId::new()), Subject::Live(GroupId::new())] {
            assert_eq!(subject.to_string().parse::<Subject>().unwrap(), subject);
        }
        for text in ["", "chatroom.user", "chatroom.user.", "chatroom.all.64e313309054f1bdf19707c1", "user.64e3"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn whoever_hears_a_kind_hears_all_of_it_and_nothing_else() {
        let bus = Bus::local();
        let mut users = bus.subscribe_all(Topic::Users).await;
        let [first, second] = [Subject::User(UserId::new()), Subject::User(UserId::new())];
        for subject in [Subject::Group(GroupId::new()), first, Subject::Live(GroupId::new()), second] {
            bus.publish(subject, Bytes::from_static(b"hint"));
        }
        assert_eq!(users.next().await.unwrap().0, first);
        assert_eq!(users.next().await.unwrap().0, second);
    }
}
