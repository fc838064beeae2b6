//! The replicas behind a service's name: which there are, which answer, and whose turn it is. Owns no decision to
//! repeat a call.
//!
//! tonic's own balancer picks dead endpoints (tonic #2839) and looks a name up once; ginepro looks it up again but
//! leaves the picking to that balancer. Here the name is looked up every few seconds, every replica is asked for its
//! health twice a second, and one that fails a call is passed over until it answers again.

use std::{
    collections::BTreeMap,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use arc_swap::ArcSwap;
use futures::future::join_all;
use http::{Request, Response, Uri};
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};
use tonic::body::Body;
use tracing::Instrument as _;

use super::{
    CallContext,
    replica::Replica,
    retry::{self, Attempts},
};
use crate::{telemetry, tls::Tls};

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
        in_turn().find(|replica| replica.answers()).or_else(|| in_turn().next()).cloned()
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
                None => Replica::followed(self.index, &self.url, address, material.clone()),
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

/// A clock that makes up for nothing that was missed.
pub(super) fn ticks(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
