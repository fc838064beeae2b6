//! A load of many connections at once, read and written by as little work as possible, since it shares the machine with
//! what it floods; and what came of it. Takes no answer for anything but what it is.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use chatroom_tests::lean::Connection;
use reqwest::RequestBuilder;
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    load::MIX,
    scene::{Route, Scene},
};

/// How long an answer is waited for: longer than anything that the product promises.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long somebody waits before connecting again.
const PAUSE: Duration = Duration::from_millis(50);

/// How much is asked.
#[derive(Clone, Copy)]
pub(crate) struct Volume {
    /// How many connections ask at once.
    pub(crate) connections: u32,
    /// How often they ask each second, all together; as often as they are answered where nothing is said.
    pub(crate) per_second: Option<u32>,
    /// For how long.
    pub(crate) time: Duration,
}

/// What came of a flood.
#[derive(Default)]
pub(crate) struct Outcome {
    /// How many requests were served.
    pub(crate) served: usize,
    /// How long each took that was refused as the product refuses what is too much: by 429 or 503 that say when to try
    /// again.
    pub(crate) refusals: Vec<Duration>,
    /// Everything else.
    pub(crate) failures: Vec<String>,
    /// How long it took until the last answer.
    pub(crate) took: Duration,
}

impl Outcome {
    /// How many requests were made.
    pub(crate) fn asked(&self) -> usize {
        self.served + self.refusals.len() + self.failures.len()
    }

    fn join(&mut self, other: Self) {
        self.served += other.served;
        self.refusals.extend(other.refusals);
        self.failures.extend(other.failures);
    }
}

/// Floods the gateways, each connection one of them with what the people of one scene ask.
pub(crate) async fn flood(scenes: &[Scene], gateways: &[String], volume: Volume) -> anyhow::Result<Outcome> {
    let pace = volume.per_second.map(|per_second| Duration::from_secs(1) * volume.connections / per_second.max(1));
    let mut askers = Vec::new();
    for (number, gateway) in (0..volume.connections).zip(gateways.iter().cycle()) {
        let first = pace.map_or(Duration::ZERO, |pace| pace * number / volume.connections);
        askers.push((Asker::new(usize::try_from(number)?, scenes, gateway)?, first));
    }
    let (stop, mut tasks, begun) = (CancellationToken::new(), JoinSet::new(), Instant::now());
    for (asker, first) in askers {
        tasks.spawn(asker.ask_all_the_time(first, pace, stop.clone()));
    }
    sleep(volume.time).await;
    stop.cancel();
    let mut outcome = Outcome::default();
    while let Some(ended) = tasks.join_next().await {
        outcome.join(ended?);
    }
    outcome.took = begun.elapsed();
    Ok(outcome)
}

/// Who asks on one connection.
struct Asker {
    scene: Scene,
    gateway: String,
    place: SocketAddr,
    turn: usize,
    /// What it asks in turn, made ahead.
    requests: Vec<Vec<u8>>,
}

impl Asker {
    fn new(turn: usize, scenes: &[Scene], gateway: &str) -> anyhow::Result<Self> {
        let place = gateway.trim_start_matches("http://").parse().context("a gateway has an address")?;
        let scene = scenes[turn % scenes.len()].clone();
        let requests = MIX.iter().map(|route| wire(route.request(&scene, gateway))).collect::<anyhow::Result<_>>()?;
        Ok(Self { scene, gateway: gateway.to_owned(), place, turn, requests })
    }

    async fn ask_all_the_time(mut self, first: Duration, pace: Option<Duration>, stop: CancellationToken) -> Outcome {
        sleep(first).await;
        let mut ticks = pace.map(interval);
        if let Some(ticks) = &mut ticks {
            // What it is late with is asked for all the same.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        }
        let (mut connection, mut outcome) = (None, Outcome::default());
        while !stop.is_cancelled() {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            if let Err(error) = self.ask_once(&mut connection, &mut outcome).await {
                outcome.failures.push(format!("{error:#}"));
                connection = None;
                sleep(PAUSE).await;
            }
        }
        outcome
    }

    async fn ask_once(&mut self, connection: &mut Option<Connection>, outcome: &mut Outcome) -> anyhow::Result<()> {
        let place = self.turn % MIX.len();
        let route = MIX[place];
        if route == Route::Say {
            // Said twice, it would be a repetition, and nothing would be written.
            self.requests[place] = wire(route.request(&self.scene, &self.gateway))?;
        }
        self.turn += 1;
        let begun = Instant::now();
        let mut open = match connection.take() {
            Some(open) => open,
            None => timeout(PATIENCE, Connection::open(self.place)).await.context("no connection in time")??,
        };
        let answer = timeout(PATIENCE, open.call(&self.requests[place], &[])).await.context("no answer in time")?;
        let answer = answer.with_context(|| route.to_string())?;
        match (answer.status, answer.retry_after) {
            (200, _) => outcome.served += 1,
            (429 | 503, true) => outcome.refusals.push(begun.elapsed()),
            (status, _) => {
                let said = String::from_utf8_lossy(answer.body).into_owned();
                outcome.failures.push(format!("{route}: {status} after {:?}: {said}", begun.elapsed()));
            }
        }
        if !answer.closes {
            *connection = Some(open);
        }
        Ok(())
    }
}

/// A request as it goes over the wire.
fn wire(request: RequestBuilder) -> anyhow::Result<Vec<u8>> {
    let request = request.build()?;
    let url = request.url();
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    let body = request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default();
    let mut bytes = format!(
        "{} {}{query} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
        request.method(),
        url.path(),
        url.authority(),
        body.len()
    )
    .into_bytes();
    for (name, value) in request.headers() {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    Ok(bytes)
}
