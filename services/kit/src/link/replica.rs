//! One replica of a service: its connection, and whether it answers. Owns no choice among replicas.

use std::{
    error::Error,
    io,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Chain;
use arc_swap::ArcSwap;
use http::Uri;
use tokio::time::{Instant, timeout_at};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use super::{CONNECTION_WINDOW, STREAM_WINDOW, remote::ticks};
use crate::{
    life_signs::{ASK_EVERY, LifeSigns, SILENCE_MAX},
    tls::Material,
};

/// How long connecting may take: `Endpoint::timeout` does not cover it, and an address that swallows packets would
/// hold a call for the operating system's two minutes (tonic #1635).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a replica may take to say how it is before others are called in its place.
const CHECK_WITHIN: Duration = Duration::from_secs(1);

/// One address of the service.
pub(super) struct Replica {
    /// The name that led there.
    pub(super) origin: usize,
    /// Where it is.
    pub(super) address: SocketAddr,
    endpoint: Endpoint,
    /// Made anew where it has fallen silent.
    connection: ArcSwap<Connection>,
    /// What the connection proves itself with.
    material: Option<Arc<Material>>,
    answers: AtomicBool,
}

/// A connection to a replica, made when it is first needed and again when it breaks.
pub(super) struct Connection {
    channel: Channel,
    signs: LifeSigns,
    /// Since when it may be used.
    since: Instant,
}

impl Connection {
    fn new(channel: Channel, signs: LifeSigns) -> Self {
        Self { channel, signs, since: Instant::now() }
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Notes that the other side has said something.
    pub(super) fn heard(&self) {
        self.signs.note();
    }

    /// Waits until the other side has been silent for too long: one that is frozen, or behind a network that swallows
    /// everything, breaks no connection, and would keep every call waiting until its deadline.
    pub(super) async fn fallen_silent(&self) {
        self.signs.ended().await;
    }

    /// Whether it is time for another: it had as long as silence may last to show that the other side lives. So one that
    /// takes connections in and has no time to answer on them is not kept busy with new ones; where none comes to stand,
    /// every check tries again. What waited for its answer was to be woken at `due`.
    fn is_of_no_use(&self, due: Instant) -> bool {
        // Asked each time, since it counts how often.
        let silent = self.signs.have_ended(due);
        silent && self.since.elapsed() >= SILENCE_MAX
    }
}

impl Replica {
    /// A replica at `address` of the name with the number `origin` and the address `url`, whose health is followed for
    /// as long as it is held.
    pub(super) fn followed(
        origin: usize,
        url: &Uri,
        address: SocketAddr,
        material: Option<Arc<Material>>,
    ) -> anyhow::Result<Arc<Self>> {
        let replica = Arc::new(Self::new(origin, url, address, material)?);
        tokio::spawn(follow_health(Arc::downgrade(&replica)));
        Ok(replica)
    }

    fn new(origin: usize, url: &Uri, address: SocketAddr, material: Option<Arc<Material>>) -> anyhow::Result<Self> {
        let scheme = url.scheme_str().unwrap_or("http");
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .origin(url.clone())
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(Duration::from_secs(30)))
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        if let Some(material) = &material {
            endpoint = endpoint.tls_config(material.client(url.host().unwrap_or_default()))?;
        }
        let connection = Connection::new(endpoint.connect_lazy(), LifeSigns::new());
        let (connection, answers) = (ArcSwap::from_pointee(connection), AtomicBool::new(true));
        Ok(Self { origin, address, endpoint, connection, material, answers })
    }

    /// Whether it is the one at `address`, connected with `material`.
    pub(super) fn is(&self, address: SocketAddr, material: Option<&Arc<Material>>) -> bool {
        let same = match (&self.material, material) {
            (Some(mine), Some(current)) => Arc::ptr_eq(mine, current),
            (mine, current) => mine.is_none() && current.is_none(),
        };
        same && self.address == address
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        self.connection.load_full()
    }

    /// Whether it answered when it was last called.
    pub(super) fn answers(&self) -> bool {
        self.answers.load(Ordering::Relaxed)
    }

    /// Says whether it answered a call just now.
    pub(super) fn mark(&self, answers: bool) {
        if self.answers.swap(answers, Ordering::Relaxed) != answers {
            tracing::info!(address = %self.address, answers, "replica");
        }
    }

    async fn check(&self) {
        let connection = self.connection();
        let mut client = HealthClient::new(connection.channel());
        let due = Instant::now() + CHECK_WITHIN;
        let answer = timeout_at(due, client.check(HealthCheckRequest::default())).await;
        if answer.as_ref().is_ok_and(was_said) {
            connection.heard();
        } else if connection.is_of_no_use(due) {
            // What swallowed its packets may know nothing of the connection even when it is whole again, and TCP would try
            // ever more seldom: keepalive alone would take 40 s to notice. A new one has yet to be heard of.
            let another = Connection::new(self.endpoint.connect_lazy(), connection.signs.clone());
            self.connection.store(Arc::new(another));
        }
        let serving = matches!(
            answer,
            Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving
        );
        self.mark(serving);
    }
}

/// Whether the other side said it. Any status that came over the wire was, for one that knows of no health too; those
/// that are made here, where a call breaks, name their cause. A refusal to connect is said as well, by its machine: a
/// replica that ends takes no new connections while it lets calls on the old ones end.
fn was_said<T>(answer: &Result<T, Status>) -> bool {
    match answer {
        Ok(_) => true,
        Err(status) => status.source().is_none() || is_refusal(status),
    }
}

fn is_refusal(status: &Status) -> bool {
    Chain::new(status)
        .filter_map(<dyn Error>::downcast_ref)
        .any(|error: &io::Error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Asks a replica for its health until nobody holds it any more. Each has a task of its own, so that a silent one, or a
/// slow look-up, keeps nobody from noticing that another has stopped.
async fn follow_health(replica: Weak<Replica>) {
    let mut ticks = ticks(ASK_EVERY);
    loop {
        ticks.tick().await;
        let Some(replica) = replica.upgrade() else {
            return;
        };
        replica.check().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_connection_has_its_time_to_be_answered() {
        let endpoint = Endpoint::from_static("http://127.0.0.1:1");
        let first = Connection::new(endpoint.connect_lazy(), LifeSigns::new());
        advance(SILENCE_MAX / 2).await;
        assert!(!first.is_of_no_use(Instant::now()));
        advance(SILENCE_MAX / 2).await;
        assert!(first.is_of_no_use(Instant::now()));
        let second = Connection::new(endpoint.connect_lazy(), first.signs.clone());
        advance(SILENCE_MAX / 2).await;
        assert!(!second.is_of_no_use(Instant::now()), "the other side is silent, but this one is new");
        advance(SILENCE_MAX / 2).await;
        assert!(second.is_of_no_use(Instant::now()));
        second.heard();
        assert!(!second.is_of_no_use(Instant::now()));
    }
}
