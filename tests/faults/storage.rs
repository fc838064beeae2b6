//! Promise: while the store can write nothing more, is silent or is gone, uploads are refused in time and in JSON and
//! chat goes on; what was acknowledged can be downloaded afterwards byte for byte, nothing that is not whole can be
//! downloaded, and all is served again within a second of its return.

use std::{
    fmt,
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Asked, ask},
    options::Options,
    report::Figure,
    rig::Rig,
    scene::{Route, Scene},
    uploads::{Upload, Uploaders, lost, names, partial},
};

/// How long an answer may take while the store answers or refuses connections, and how long while it says nothing.
const ANSWER: Duration = Duration::from_secs(2);
const ANSWER_TO_SILENCE: Duration = Duration::from_secs(4);
/// How long until all is well again once it is back.
const RETURN: Duration = Duration::from_secs(1);
/// How long everything is asked for before something happens to the store.
const BEFORE: Duration = Duration::from_millis(700);
/// How long a reader waits between two requests.
const PAUSE: Duration = Duration::from_millis(100);
/// What the store can still write to a file where its disk is nearly full.
const LEFT: u64 = 64 << 10;
/// What has to be served all the time.
const CHAT: [Route; 6] =
    [Route::Say, Route::History, Route::Conversations, Route::Account, Route::Pages, Route::Groups];

/// What happens to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Its disk fills up while files are written.
    NearlyFull,
    /// It can write nothing at all.
    ReadOnly,
    /// Its process is stopped where it stands.
    Silent,
    /// Its process is killed.
    Gone,
}

const FAULTS: [Fault; 4] = [Fault::NearlyFull, Fault::ReadOnly, Fault::Silent, Fault::Gone];

/// What came of a fault.
#[derive(Default)]
struct Seen {
    slowest: Duration,
    recovery: Duration,
    refused: usize,
    wrong: Vec<String>,
    uploads: Vec<Upload>,
}

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let folder = rig.cluster.objects().context("the store is on another machine")?;
    let before = names(&folder);
    let (mut figures, mut uploads, mut wrong, mut untried) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut refused = 0;
    for fault in FAULTS {
        let seen = suffer(rig, &scene, fault, options).await?;
        let promised = options.within(fault.answered_within());
        figures.push(Figure::time(format!("{fault}: slowest answer"), seen.slowest, promised));
        figures.push(Figure::time(format!("{fault}: served again after"), seen.recovery, options.within(RETURN)));
        wrong.extend(seen.wrong.into_iter().map(|wrong| format!("{fault}: {wrong}")));
        untried.extend((seen.refused == 0).then(|| fault.to_string()));
        refused += seen.refused;
        uploads.extend(seen.uploads);
    }
    let acknowledged = uploads.iter().filter(|upload| upload.asked.served()).count();
    let client = &scene.member.client;
    let lost = lost(client, &uploads).await?;
    let there: Vec<_> = names(&folder).difference(&before).cloned().collect();
    let all = there.len();
    let partial = partial(client, there, &uploads).await?;
    figures.push(Figure::none("store faults in which no upload was refused", untried));
    figures.push(Figure::none(format!("answers other than documented, beside {refused} refused uploads"), wrong));
    figures.push(Figure::none(format!("acknowledged files lost or changed, of {acknowledged}"), lost));
    figures.push(Figure::none(format!("files that can be downloaded and are not whole, of {all}"), partial));
    figures.push(Figure::none("processes ended", rig.ended()));
    Ok(figures)
}

async fn suffer(rig: &mut Rig, scene: &Scene, fault: Fault, options: &Options) -> anyhow::Result<Seen> {
    eprintln!("  {fault}");
    rig.serves(scene, &Route::ALL).await?;
    let uploaders = Uploaders::start(scene, &rig.gateways());
    let readers = Readers::start(scene, rig.gateways());
    sleep(BEFORE).await;
    let away = Instant::now();
    fault.inject(rig);
    sleep(fault.lasts(options)).await;
    fault.restore(rig);
    let back = Instant::now();
    let recovery = rig.serves(scene, &Route::ALL).await?;
    let well = Instant::now();
    sleep(BEFORE).await;
    let mut seen = Seen { recovery, uploads: uploaders.end().await?, ..Seen::default() };
    for (route, asked) in readers.end().await? {
        seen.judge(&route.to_string(), &asked, route == Route::Download && fault.stops_reading(), away..well);
        seen.time(&asked, away..back);
    }
    for upload in std::mem::take(&mut seen.uploads) {
        seen.judge("an upload", &upload.asked, true, away..well);
        // How long those take that are stored is a matter of the machine, which is busy in the short form.
        if !options.short || !upload.asked.served() {
            seen.time(&upload.asked, away..back);
        }
        seen.refused += usize::from(upload.asked.refused_for_now());
        seen.uploads.push(upload);
    }
    Ok(seen)
}

impl Seen {
    /// Takes in how long one answer took, if it was waited for during the fault.
    fn time(&mut self, asked: &Asked, fault: Range<Instant>) {
        if asked.begun < fault.end && asked.begun + asked.took > fault.start {
            self.slowest = self.slowest.max(asked.took);
        }
    }

    /// Takes in one answer, which may be a refusal where it `needs` the store, from when the fault began until all was
    /// served again.
    fn judge(&mut self, what: &str, asked: &Asked, needs: bool, trouble: Range<Instant>) {
        let ended = asked.begun + asked.took;
        let undisturbed = ended < trouble.start || asked.begun > trouble.end || !needs;
        if !asked.served() && (undisturbed || !asked.refused_for_now()) {
            let after = asked.begun.saturating_duration_since(trouble.start).as_millis();
            self.wrong.push(format!("{what}, asked {after} ms after it began: {}", asked.said()));
        }
    }
}

impl Fault {
    fn answered_within(self) -> Duration {
        if self == Self::Silent { ANSWER_TO_SILENCE } else { ANSWER }
    }

    /// How long it lasts: a silence until uploads have been refused for it.
    fn lasts(self, options: &Options) -> Duration {
        if self == Self::Silent {
            ANSWER_TO_SILENCE + Duration::from_secs(1)
        } else {
            Duration::from_secs(if options.short { 2 } else { 4 })
        }
    }

    /// Whether what is stored cannot be read meanwhile.
    fn stops_reading(self) -> bool {
        matches!(self, Self::Silent | Self::Gone)
    }

    fn inject(self, rig: &mut Rig) {
        let store = rig.cluster.store();
        match self {
            Self::NearlyFull => store.limit_files(Some(LEFT)),
            Self::ReadOnly => store.limit_files(Some(0)),
            Self::Silent => store.process().freeze(),
            Self::Gone => block_in_place(|| store.kill()),
        }
    }

    fn restore(self, rig: &mut Rig) {
        let store = rig.cluster.store();
        match self {
            Self::NearlyFull | Self::ReadOnly => store.limit_files(None),
            Self::Silent => store.process().thaw(),
            Self::Gone => block_in_place(|| store.restart()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NearlyFull => "S3 with a disk that fills up",
            Self::ReadOnly => "S3 that can write nothing",
            Self::Silent => "S3 frozen",
            Self::Gone => "S3 killed",
        })
    }
}

/// People who chat, read, and download, one for each of it at each gateway.
struct Readers {
    stop: CancellationToken,
    tasks: JoinSet<Vec<(Route, Asked)>>,
}

impl Readers {
    fn start(scene: &Scene, gateways: Vec<String>) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for gateway in gateways {
            for route in CHAT.into_iter().chain([Route::Download]) {
                tasks.spawn(read(scene.clone(), gateway.clone(), route, stop.clone()));
            }
        }
        Self { stop, tasks }
    }

    async fn end(mut self) -> anyhow::Result<Vec<(Route, Asked)>> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(ended) = self.tasks.join_next().await {
            all.extend(ended?);
        }
        Ok(all)
    }
}

async fn read(scene: Scene, gateway: String, route: Route, stop: CancellationToken) -> Vec<(Route, Asked)> {
    let mut all = Vec::new();
    while !stop.is_cancelled() {
        all.push((route, ask(route.request(&scene, &gateway)).await));
        sleep(PAUSE).await;
    }
    all
}
