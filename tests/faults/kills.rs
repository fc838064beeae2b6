//! Promise: whatever is killed, nothing that was acknowledged is lost, nothing is there twice, and nothing is invented.
//! And while a replica of a service is killed, nobody who repeats or reads notices.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chatroom_tests::{Part, cluster::Replica};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Asked, ask},
    history::{Kind, Outcome},
    options::Options,
    report::Figure,
    rig::Rig,
    scene::{Route, Scene},
    victim::Victim,
    writers::Writers,
};

/// How long a victim is left alone, and how long it stays away.
const ALIVE: Duration = Duration::from_millis(700);
const AWAY: Duration = Duration::from_millis(700);
/// How long a reader waits between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// Each in turn; the first four of them are what the short form kills.
const VICTIMS: [Victim; 12] = [
    Victim::Process(Replica(Part::Group, 0)),
    Victim::Database,
    Victim::Process(Replica(Part::Gateway, 0)),
    Victim::Bus,
    Victim::Process(Replica(Part::User, 0)),
    Victim::Process(Replica(Part::Merchant, 0)),
    Victim::Process(Replica(Part::File, 0)),
    Victim::Process(Replica(Part::Gateway, 1)),
    Victim::Process(Replica(Part::User, 1)),
    Victim::Process(Replica(Part::Merchant, 1)),
    Victim::Process(Replica(Part::Group, 1)),
    Victim::Process(Replica(Part::File, 1)),
];

/// A time in which something was away.
struct Absence {
    victim: Victim,
    from: Instant,
    until: Instant,
}

/// A read or repetition that was not served, and the gateway it was asked of.
struct Failure {
    gateway: usize,
    route: Route,
    asked: Asked,
}

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let writers = Writers::start(&scene, rig.gateways());
    let readers = Readers::start(&scene, rig.gateways());
    let kills = if options.short { 4 } else { 20 };
    let mut absences = Vec::new();
    for victim in VICTIMS.into_iter().cycle().take(kills) {
        sleep(ALIVE).await;
        absences.push(kill(rig, &scene, victim).await?);
    }
    sleep(ALIVE).await;
    let (asked, failures) = readers.end().await?;
    let noticed = failures.iter().filter(|failure| !failure.is_excused(&absences));
    let noticed = noticed.map(Failure::said).collect();
    let written = writers.end().await?;
    let verdict = written.history.check(&written.found);
    // Fewer would show nothing.
    let least = options.at_least(20 * kills);
    let count = |outcome| Kind::ALL.map(|kind| format!("{kind:?} {}", written.history.count(kind, outcome)));
    let acknowledged: usize = Kind::ALL.map(|kind| written.history.count(kind, Outcome::Acknowledged)).iter().sum();
    let details = [count(Outcome::Acknowledged).join(", "), format!("unknown: {}", count(Outcome::Unknown).join(", "))];
    Ok(vec![
        Figure::new(
            format!("writes acknowledged under {kills} kills"),
            acknowledged.to_string(),
            format!("at least {least}"),
            acknowledged >= least,
        )
        .with(details.to_vec()),
        Figure::none("acknowledged writes lost", verdict.lost),
        Figure::none("writes there twice", verdict.doubled),
        Figure::none("writes invented", verdict.invented),
        Figure::none("valid writes refused for good", written.odd),
        Figure::none(format!("reads and repetitions failed, of {asked}, while replicas and NATS were killed"), noticed),
    ])
}

/// Kills something, starts it again, and waits until everything is served.
async fn kill(rig: &mut Rig, scene: &Scene, victim: Victim) -> anyhow::Result<Absence> {
    let from = Instant::now();
    victim.kill(rig);
    sleep(AWAY).await;
    victim.restart(rig).await;
    rig.serves(scene, &Route::ALL).await?;
    Ok(Absence { victim, from, until: Instant::now() })
}

impl Failure {
    /// Whether nobody could have served it: the database was away, or the gateway that was asked.
    fn is_excused(&self, absences: &[Absence]) -> bool {
        let ended = self.asked.begun + self.asked.took;
        let meanwhile = absences.iter().filter(|absence| absence.from <= ended && self.asked.begun <= absence.until);
        meanwhile.into_iter().any(|absence| match absence.victim {
            Victim::Database => true,
            Victim::Process(Replica(Part::Gateway, number)) => number == self.gateway,
            Victim::Process(_) | Victim::Bus => false,
        })
    }

    fn said(&self) -> String {
        format!("{} at gateway {}: {}", self.route, self.gateway, self.asked.said())
    }
}

/// People who read and repeat, one at each gateway.
struct Readers {
    stop: CancellationToken,
    tasks: JoinSet<usize>,
    failures: Arc<Mutex<Vec<Failure>>>,
}

impl Readers {
    fn start(scene: &Scene, gateways: Vec<String>) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let failures = Arc::<Mutex<Vec<Failure>>>::default();
        for (number, gateway) in gateways.into_iter().enumerate() {
            tasks.spawn(read(scene.clone(), number, gateway, stop.clone(), failures.clone()));
        }
        Self { stop, tasks, failures }
    }

    /// How many requests were made, and which of them failed.
    async fn end(mut self) -> anyhow::Result<(usize, Vec<Failure>)> {
        self.stop.cancel();
        let mut asked = 0;
        while let Some(ended) = self.tasks.join_next().await {
            asked += ended?;
        }
        Ok((asked, std::mem::take(&mut *self.failures.lock().unwrap_or_else(PoisonError::into_inner))))
    }
}

async fn read(
    scene: Scene,
    number: usize,
    gateway: String,
    stop: CancellationToken,
    failures: Arc<Mutex<Vec<Failure>>>,
) -> usize {
    for turn in 0.. {
        if stop.is_cancelled() {
            return turn;
        }
        let route = Route::IDEMPOTENT[turn % Route::IDEMPOTENT.len()];
        let asked = ask(route.request(&scene, &gateway)).await;
        if !asked.served() {
            let failure = Failure { gateway: number, route, asked };
            failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        }
        sleep(PAUSE).await;
    }
    unreachable!("turns do not end")
}
