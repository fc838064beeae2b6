//! The replicas behind a service's name: which there are, which answer, and whose turn it is. Owns no decision to
//! repeat a call.
//!
//! tonic's own balancer picks dead endpoints (tonic #2839) and looks a name up once; ginepro looks it up again but
//! leaves the picking to that balancer. Here the name is looked up every few seconds, every replica is asked for its
//! health each second, and one that fails a call is passed over until it answers again.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use futures::future::join_all;
use http::{Request, Response, Uri};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tonic::{
    body::Body,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use tracing::Instrument as _;

use super::{
    CONNECTION_WINDOW, CallContext, STREAM_WINDOW,
    retry::{self, Attempts},
};
use crate::{
    telemetry,
    tls::{Material, Tls},
};

/// How long connecting may take: `Endpoint::timeout` does not cover it, and an address that swallows packets would
/// hold a call for the operating system's two minutes (tonic #1635).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// How often each replica is asked for its health, and how long it may take to say.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// How often the names are looked up.
const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
/// How long that may take: a resolver that is silent is waited for much longer by the operating system.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(1);

/// The replicas of a service.
#[derive(Clone)]
pub struct Remote {
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the service is: one name with many addresses, or several names.
    origins: Vec<Origin>,
    replicas: ArcSwap<Vec<Arc<Replica>>>,
    turn: AtomicUsize,
    budget: retry::Budget,
}

/// One name of the service.
struct Origin {
    /// Its place among the names.
    index: usize,
    /// As it was given; the HTTP/2 authority repeats it.
    url: Uri,
    /// Its host and port, for the look-up.
    authority: String,
    /// What an https address is called with.
    tls: Option<Tls>,
}

/// One address of the service.
pub(super) struct Replica {
    /// The name that led there.
    origin: usize,
    address: SocketAddr,
    channel: Channel,
    /// What the channel proves itself with.
    material: Option<Arc<Material>>,
    answers: AtomicBool,
}

impl Replica {
    /// A replica of `origin` at `address`, whose health is followed for as long as it is held.
    fn followed(origin: &Origin, address: SocketAddr, material: Option<Arc<Material>>) -> anyhow::Result<Arc<Self>> {
        let replica = Arc::new(Self::new(origin, address, material)?);
        tokio::spawn(follow_health(Arc::downgrade(&replica)));
        Ok(replica)
    }

    fn new(origin: &Origin, address: SocketAddr, material: Option<Arc<Material>>) -> anyhow::Result<Self> {
        let url = &origin.url;
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
        let channel = endpoint.connect_lazy();
        Ok(Self { origin: origin.index, address, channel, material, answers: AtomicBool::new(true) })
    }

    /// Whether it is the one at `address`, connected with `material`.
    fn is(&self, address: SocketAddr, material: Option<&Arc<Material>>) -> bool {
        let same = match (&self.material, material) {
            (Some(mine), Some(current)) => Arc::ptr_eq(mine, current),
            (mine, current) => mine.is_none() && current.is_none(),
        };
        same && self.address == address
    }

    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Says whether it answered a call just now.
    pub(super) fn mark(&self, answers: bool) {
        if self.answers.swap(answers, Ordering::Relaxed) != answers {
            tracing::info!(address = %self.address, answers, "replica");
        }
    }

    async fn check(&self) {
        let mut client = HealthClient::new(self.channel());
        let answer = timeout(CHECK_EVERY, client.check(HealthCheckRequest::default())).await;
        let serving = matches!(
            answer,
            Ok(Ok(answer)) if answer.get_ref().status() == ServingStatus::Serving
        );
        self.mark(serving);
    }
}

impl Remote {
    /// The replicas behind `urls`, followed for as long as this value or a clone of it lives.
    pub(super) fn connect(urls: &[Uri], tls: Option<&Tls>) -> anyhow::Result<Self> {
        let origins = urls
            .iter()
            .enumerate()
            .map(|(index, url)| Origin::new(index, url, tls))
            .collect::<anyhow::Result<Vec<_>>>()?;
        ensure!(!origins.is_empty(), "no address is given");
        let shared = Arc::new(Shared {
            origins,
            replicas: ArcSwap::default(),
            turn: AtomicUsize::new(0),
            budget: retry::budget(),
        });
        tokio::spawn(follow(Arc::downgrade(&shared)));
        Ok(Self { shared })
    }

    /// Makes the call, on another replica too where that is safe.
    pub(super) async fn call(self, mut request: Request<Body>, context: &CallContext) -> Response<Body> {
        let span = telemetry::call_span(request.uri().path());
        async {
            context.write(request.headers_mut());
            telemetry::inject(request.headers_mut());
            self.shared.ensure_known().await;
            Attempts::new(&self.shared.budget, request).run(|| self.shared.pick()).await
        }
        .instrument(span)
        .await
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.shared.origins.iter().map(|origin| &origin.authority);
        formatter.debug_list().entries(names).finish()
    }
}

impl Shared {
    /// The next replica in turn that answers; any where none does, since the checks may lag behind.
    fn pick(&self) -> Option<Arc<Replica>> {
        let replicas = self.replicas.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            || (0..replicas.len()).filter_map(|step| replicas.get((turn.wrapping_add(step)) % replicas.len()));
        in_turn().find(|replica| replica.answers.load(Ordering::Relaxed)).or_else(|| in_turn().next()).cloned()
    }

    /// Looks the names up where that has not succeeded yet.
    async fn ensure_known(&self) {
        if self.replicas.load().is_empty() {
            self.look_up().await;
        }
    }

    /// Takes in the addresses behind the names; what is known already keeps its connection. A name that leads nowhere
    /// for a moment is no reason to forget where it led.
    async fn look_up(&self) {
        let found = join_all(self.origins.iter().map(Origin::addresses)).await;
        let known = self.replicas.load_full();
        let mut replicas = BTreeMap::new();
        for (origin, addresses) in self.origins.iter().zip(found) {
            match addresses {
                Some(addresses) => origin.take_in(addresses, &known, &mut replicas),
                None => replicas.extend(
                    known.iter().filter(|replica| replica.origin == origin.index).map(|it| (it.address, it.clone())),
                ),
            }
        }
        self.replicas.store(Arc::new(replicas.into_values().collect()));
    }
}

impl Origin {
    fn new(index: usize, url: &Uri, tls: Option<&Tls>) -> anyhow::Result<Self> {
        let host = url.host().with_context(|| format!("{url} names no host"))?;
        let encrypted = url.scheme_str() == Some("https");
        ensure!(!encrypted || tls.is_some(), "{url} needs CHATROOM_TLS_CERT_FILE and the two beside it");
        let port = url.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        Ok(Self {
            index,
            url: url.clone(),
            authority: format!("{host}:{port}"),
            tls: tls.filter(|_| encrypted).cloned(),
        })
    }

    /// The addresses behind the name; nothing where it leads nowhere.
    async fn addresses(&self) -> Option<Vec<SocketAddr>> {
        let answer = timeout(LOOK_UP_WITHIN, tokio::net::lookup_host(&self.authority)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        answer
            .inspect_err(|error| tracing::warn!(name = self.authority, %error, "name look-up failed"))
            .ok()
            .map(Iterator::collect)
    }

    fn take_in(
        &self,
        addresses: Vec<SocketAddr>,
        known: &[Arc<Replica>],
        replicas: &mut BTreeMap<SocketAddr, Arc<Replica>>,
    ) {
        let material = self.tls.as_ref().map(Tls::current);
        for address in addresses {
            let replica = match known.iter().find(|replica| replica.is(address, material.as_ref())) {
                Some(replica) => Ok(replica.clone()),
                None => Replica::followed(self, address, material.clone()),
            };
            match replica {
                Ok(replica) => drop(replicas.insert(address, replica)),
                Err(error) => tracing::error!(%address, error = format!("{error:#}"), "address cannot be used"),
            }
        }
    }
}

/// Looks the names of a service up until nobody calls it any more.
async fn follow(shared: Weak<Shared>) {
    let mut ticks = ticks(LOOK_UP_EVERY);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        shared.look_up().await;
    }
}

/// Asks a replica for its health until nobody holds it any more. Each has a task of its own, so that a silent one, or a
/// slow look-up, keeps nobody from noticing that another has stopped.
async fn follow_health(replica: Weak<Replica>) {
    let mut ticks = ticks(CHECK_EVERY);
    loop {
        ticks.tick().await;
        let Some(replica) = replica.upgrade() else {
            return;
        };
        replica.check().await;
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
