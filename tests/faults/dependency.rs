//! Promise: with one dependency away (refusing, silent, or frozen in the middle) the gateway says so within two seconds,
//! everything that does not need it goes on, and all is served again within a second of its return, without a restart.

use std::{
    fmt,
    time::{Duration, Instant},
};

use chatroom_tests::{
    Part,
    cluster::{Dependency, Replica},
    proxy::Mode,
};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Asked, ask},
    options::Options,
    report::Figure,
    rig::{REPLICAS, Rig},
    scene::{Route, Scene},
};

/// How long an answer may take while something refuses connections, and how long while something says nothing at all: it
/// is given more time, since it may only be slow.
const ANSWER: Duration = Duration::from_secs(2);
const ANSWER_TO_SILENCE: Duration = Duration::from_secs(4);
/// How long until all is well again once it is back.
const RETURN: Duration = Duration::from_secs(1);
/// How long everything is asked for before something is taken away, so that connections are in use.
const BEFORE: Duration = Duration::from_millis(400);
/// How long a loop waits between two requests.
const PAUSE: Duration = Duration::from_millis(100);

/// What is done to a dependency.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Refused(Dependency),
    Silent(Dependency),
    /// Its processes are stopped where they stand.
    Frozen(Part),
}

use Dependency::{Bus, Database, Service, Storage};
use Fault::{Frozen, Refused, Silent};

/// All of them; the first are what the short form tries.
const FAULTS: [Fault; 16] = [
    Refused(Service(Part::Group)),
    Silent(Service(Part::Merchant)),
    Refused(Database),
    Silent(Database),
    Silent(Storage),
    Frozen(Part::Group),
    Refused(Service(Part::User)),
    Refused(Service(Part::Merchant)),
    Refused(Service(Part::File)),
    Refused(Storage),
    Refused(Bus),
    Silent(Service(Part::User)),
    Silent(Service(Part::Group)),
    Silent(Service(Part::File)),
    Silent(Bus),
    Frozen(Part::User),
];
const SHORT: usize = 6;

impl Fault {
    /// How long an answer may take meanwhile.
    fn answered_within(self) -> Duration {
        match self {
            Self::Refused(_) => ANSWER,
            Self::Silent(_) | Self::Frozen(_) => ANSWER_TO_SILENCE,
        }
    }
}

/// What came of a fault.
#[derive(Default)]
struct Seen {
    slowest: Duration,
    recovery: Duration,
    wrong: Vec<String>,
    unready: Vec<String>,
}

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let processes = rig.processes();
    let faults = if options.short { &FAULTS[..SHORT] } else { &FAULTS[..] };
    let (mut figures, mut wrong, mut unready) = (Vec::new(), Vec::new(), Vec::new());
    for fault in faults {
        let seen = suffer(rig, &scene, *fault, options).await?;
        figures.push(Figure::time(
            format!("{fault}: slowest answer"),
            seen.slowest,
            options.within(fault.answered_within()),
        ));
        figures.push(Figure::time(format!("{fault}: served again after"), seen.recovery, options.within(RETURN)));
        wrong.extend(seen.wrong.into_iter().map(|wrong| format!("{fault}: {wrong}")));
        unready.extend(seen.unready);
    }
    figures.push(Figure::none("answers other than documented, or unconcerned routes not served", wrong));
    figures.push(Figure::none("processes not ready while something else was away", unready));
    let same = rig.processes() == processes;
    let ended = rig.ended();
    figures.push(Figure::none("processes ended", ended));
    figures.push(Figure::new("processes started again", if same { "0" } else { "some" }, "0", same));
    Ok(figures)
}

async fn suffer(rig: &Rig, scene: &Scene, fault: Fault, options: &Options) -> anyhow::Result<Seen> {
    eprintln!("  {fault}");
    rig.serves(scene, &Route::ALL).await?;
    let stop = CancellationToken::new();
    let mut loops = start_loops(rig, scene, &stop);
    sleep(BEFORE).await;
    let away = Instant::now();
    fault.inject(rig);
    sleep(Duration::from_secs(if options.short { 2 } else { 4 })).await;
    let unready = rig.unready(fault.frozen()).await;
    let back = Instant::now();
    fault.restore(rig);
    let recovery = rig.serves(scene, &Route::ALL).await?;
    let well = Instant::now();
    sleep(BEFORE).await;
    stop.cancel();
    let mut seen = Seen { recovery, unready, ..Seen::default() };
    while let Some(ended) = loops.join_next().await {
        for (route, asked) in ended? {
            seen.judge(fault, route, &asked, [away, back, well]);
        }
    }
    Ok(seen)
}

/// Asks for every route, over and over, half of them through each gateway.
fn start_loops(rig: &Rig, scene: &Scene, stop: &CancellationToken) -> JoinSet<Vec<(Route, Asked)>> {
    let mut loops = JoinSet::new();
    for (route, gateway) in Route::ALL.into_iter().zip(rig.gateways().into_iter().cycle()) {
        let (scene, stop) = (scene.clone(), stop.clone());
        loops.spawn(async move {
            let mut all = Vec::new();
            while !stop.is_cancelled() {
                all.push((route, ask(route.request(&scene, &gateway)).await));
                sleep(PAUSE).await;
            }
            all
        });
    }
    loops
}

impl Seen {
    /// Takes in one answer, given when the fault began, when it was over, and when all was served again.
    fn judge(&mut self, fault: Fault, route: Route, asked: &Asked, [away, back, well]: [Instant; 3]) {
        let ended = asked.begun + asked.took;
        if asked.begun < back && ended > away {
            self.slowest = self.slowest.max(asked.took);
        }
        let undisturbed = ended < away || asked.begun > well || !route.needs(fault.dependency());
        let good = asked.served() || (!undisturbed && asked.refused_for_now());
        if !good {
            let after = asked.begun.saturating_duration_since(away).as_millis();
            self.wrong.push(format!("{route}, asked {after} ms after it began: {}", asked.said()));
        }
    }
}

impl Fault {
    fn dependency(self) -> Dependency {
        match self {
            Refused(dependency) | Silent(dependency) => dependency,
            Frozen(part) => Service(part),
        }
    }

    fn frozen(self) -> Option<Part> {
        match self {
            Frozen(part) => Some(part),
            Refused(_) | Silent(_) => None,
        }
    }

    fn inject(self, rig: &Rig) {
        match self {
            Refused(dependency) => rig.set(dependency, Mode::Refuse),
            Silent(dependency) => rig.set(dependency, Mode::Silent),
            Frozen(part) => (0..REPLICAS).for_each(|number| rig.cluster.process(Replica(part, number)).freeze()),
        }
    }

    fn restore(self, rig: &Rig) {
        match self {
            Refused(dependency) | Silent(dependency) => rig.set(dependency, Mode::Forward),
            Frozen(part) => (0..REPLICAS).for_each(|number| rig.cluster.process(Replica(part, number)).thaw()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (how, what) = match self {
            Refused(dependency) => ("down", *dependency),
            Silent(dependency) => ("silent", *dependency),
            Frozen(part) => ("frozen", Service(*part)),
        };
        match what {
            Service(part) => write!(formatter, "{} {how}", part.binary()),
            Database => write!(formatter, "PostgreSQL {how}"),
            Storage => write!(formatter, "S3 {how}"),
            Bus => write!(formatter, "NATS {how}"),
        }
    }
}
