//! The bus between processes: a NATS server (<https://docs.nats.io/nats-concepts/core-nats>). While it is away hints are
//! dropped: what a client buffers for it would be stale when it returns, and would make publishers wait.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use async_nats::{Client, ConnectOptions, Event, ServerAddr, Subscriber, connection::State};
use bytes::Bytes;
use opentelemetry::{KeyValue, global, metrics::Counter};
use percent_encoding::percent_decode_str;
use tokio::sync::{mpsc, watch};

use super::{Subject, Topic, WAITING_OF_ALL};
use crate::config::BusConfig;

/// How many hints may wait to leave.
const WAITING_TO_LEAVE: usize = 4096;
/// The longest pause between two attempts to connect; the client's own default grows to four seconds.
const RECONNECT_MAX: Duration = Duration::from_secs(1);

/// A way to a NATS server.
#[derive(Clone, Debug)]
pub struct Nats {
    client: Client,
    outgoing: mpsc::Sender<(Subject, Bytes)>,
    connections: Arc<watch::Sender<u64>>,
    figures: Figures,
}

/// How often the server was reached, and how many hints were lost; never by subject.
#[derive(Clone, Debug)]
struct Figures {
    connected: Counter<u64>,
    dropped: Counter<u64>,
}

/// Why a hint was lost.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// The server was away.
    Away,
    /// Too many waited to leave, or the client has taken no more.
    Busy,
    /// Somebody here listens more slowly than hints come.
    Slow,
}

impl Figures {
    fn new() -> Self {
        let meter = global::meter("chatroom");
        Self {
            connected: meter.u64_counter("bus.connected").build(),
            dropped: meter.u64_counter("bus.dropped").build(),
        }
    }

    fn dropped(&self, loss: Loss) {
        let reason = match loss {
            Loss::Away => "away",
            Loss::Busy => "busy",
            Loss::Slow => "slow",
        };
        self.dropped.add(1, &[KeyValue::new("reason", reason)]);
    }
}

impl Nats {
    pub(super) async fn connect(name: &str, config: &BusConfig) -> anyhow::Result<Self> {
        let servers = config.nats_url.iter().map(|url| url.parse::<ServerAddr>()).collect::<Result<Vec<_>, _>>();
        // The cause would show the address, and the password in it.
        let servers = servers.map_err(|_| anyhow!("the bus's address is malformed"))?;
        let connections = Arc::new(watch::Sender::new(0));
        let figures = Figures::new();
        let (counted, noted) = (connections.clone(), figures.clone());
        let client = credentials(&servers)
            .name(name)
            .retry_on_initial_connect()
            .subscription_capacity(WAITING_OF_ALL)
            .reconnect_delay_callback(reconnect_delay)
            .event_callback(move |event| {
                note(&event, &counted, &noted);
                async {}
            })
            .connect(servers)
            .await
            .context("the bus cannot be used")?;
        show_whether_reachable(client.clone());
        let (outgoing, waiting) = mpsc::channel(WAITING_TO_LEAVE);
        tokio::spawn(send(client.clone(), waiting, figures.clone()));
        Ok(Self { client, outgoing, connections, figures })
    }

    pub(super) fn publish(&self, subject: Subject, hint: Bytes) {
        if self.outgoing.try_send((subject, hint)).is_err() {
            self.figures.dropped(Loss::Busy);
            tracing::debug!(%subject, "hint dropped");
        }
    }

    pub(super) async fn subscribe(&self, subject: Subject) -> Option<Subscriber> {
        self.listen(subject.to_string()).await
    }

    pub(super) async fn subscribe_all(&self, topic: Topic) -> Option<Subscriber> {
        let subjects = match topic {
            Topic::Users => "chatroom.user.*",
            Topic::Live => "chatroom.live.*",
        };
        self.listen(subjects.to_owned()).await
    }

    async fn listen(&self, subjects: String) -> Option<Subscriber> {
        match self.client.subscribe(subjects).await {
            Ok(subscriber) => Some(subscriber),
            Err(error) => {
                tracing::warn!(%error, "the bus takes no more subscriptions");
                None
            }
        }
    }

    pub(super) fn connections(&self) -> watch::Receiver<u64> {
        self.connections.subscribe()
    }
}

/// What to sign in with, as the first address says that has it: the client leaves what stands in an address alone.
fn credentials(urls: &[ServerAddr]) -> ConnectOptions {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let named = urls.iter().find_map(|url| Some((decoded(url.username()?), decoded(url.password()?))));
    match named {
        Some((user, password)) => ConnectOptions::with_user_and_password(user, password),
        None => ConnectOptions::new(),
    }
}

/// Shows whether the server can be reached: what is dropped tells only of processes that have something to say.
fn show_whether_reachable(client: Client) {
    global::meter("chatroom")
        .u64_observable_gauge("bus.reachable")
        .with_callback(move |observer| observer.observe(is_reachable(&client).into(), &[]))
        .build();
}

fn is_reachable(client: &Client) -> bool {
    client.connection_state() == State::Connected
}

/// Hands hints to the client, one after the other: it makes callers wait once its own queue is full.
async fn send(client: Client, mut waiting: mpsc::Receiver<(Subject, Bytes)>, figures: Figures) {
    while let Some((subject, hint)) = waiting.recv().await {
        if !is_reachable(&client) {
            figures.dropped(Loss::Away);
            continue;
        }
        if let Err(error) = client.publish(subject.to_string(), hint).await {
            figures.dropped(Loss::Busy);
            tracing::warn!(%error, "hint dropped");
        }
    }
}

fn reconnect_delay(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
    Duration::from_millis(1 << doublings).min(RECONNECT_MAX)
}

fn note(event: &Event, connections: &watch::Sender<u64>, figures: &Figures) {
    match event {
        Event::Connected => {
            tracing::info!("bus connected");
            figures.connected.add(1, &[]);
            connections.send_modify(|count| *count += 1);
        }
        Event::SlowConsumer(_) => {
            figures.dropped(Loss::Slow);
            tracing::debug!("a listener is too slow for its hints");
        }
        other => tracing::warn!(event = %other, "bus"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::GroupId;

    #[tokio::test]
    async fn a_server_that_is_away_holds_nobody_up() {
        // A port that nobody serves: it is bound, and not listened on.
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("nats://{}", socket.local_addr().unwrap());
        let bus = Nats::connect("test", &BusConfig { nats_url: vec![url] }).await.unwrap();
        for _ in 0..=2 * WAITING_TO_LEAVE {
            bus.publish(Subject::Group(GroupId::new()), Bytes::from_static(b"hint"));
        }
        assert_eq!(*bus.connections().borrow(), 0);
    }

    #[test]
    fn pauses_between_attempts_grow_to_a_second() {
        assert_eq!(reconnect_delay(1), Duration::from_millis(2));
        for attempts in [10, 1000, usize::MAX] {
            assert_eq!(reconnect_delay(attempts), RECONNECT_MAX);
        }
    }
}
