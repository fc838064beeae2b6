//! Promise: asked for ten times as much as it can serve, the product refuses what is too much at once, with 429 or 503
//! and a time to try again, and fails in no other way; no process grows without bound, and all is served again within
//! seconds of the end of it. A crowd that only waits is served about as fast as a few are, at the defaults; and one
//! address that asks for too much takes nothing from another.

use std::time::Duration;

use chatroom_tests::{Part, cluster::Replica};

use crate::{
    flood::{Outcome, Volume, flood},
    load::Load,
    options::Options,
    report::Figure,
    rig::{REPLICAS, Rig, replicas, stop},
    scene::{Route, Scene},
};

/// How many people ask.
const SCENES: usize = 8;
/// How soon a gateway has to be gone.
const GONE: Duration = Duration::from_secs(25);
/// How many connections find out what can be served, and how many ask for more.
const FEW: u32 = 32;
const MANY: u32 = 1000;
/// How many answers each gateway waits for where there is too much to do, and how many of these for one address.
const WAITING: u32 = FEW;
const WAITING_FOR_ONE: u32 = WAITING / 2;
/// How many of a crowd's requests may be refused: one in so many.
const REFUSED_OF_A_CROWD: usize = 100;
/// How often each second somebody asks beside an address that floods.
const BESIDE: u32 = 20;
/// How many times what can be served is asked for.
const TIMES: u32 = 10;
/// How many times it has to be asked for at least, since whoever asks shares the machine; in the short form fewer.
const TIMES_AT_LEAST: (u32, u32) = (8, 5);
/// What part of what can be served has to be served all the same: who asks and is refused shares the machine.
const SERVED_PART: u32 = 4;
/// How soon a refusal has to be there, 99 of 100 times, on a machine of which nothing is left.
const REFUSED: Duration = Duration::from_secs(2);
/// How soon everything has to be served again.
const RECOVERY: Duration = Duration::from_secs(5);
/// How long there is a load afterwards that can be served, and what part of the most it is.
const AFTERWARDS: Duration = Duration::from_secs(3);
const PART: u32 = 4;
/// How much more memory a process may take than under the load that it can serve.
const GROWTH: u64 = 128 << 20;

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let mut scenes = vec![rig.scene().await?];
    for _ in 1..SCENES {
        scenes.push(Scene::make(&rig.cluster.url()).await);
    }
    let time = Duration::from_secs(if options.short { 3 } else { 5 });
    // What earlier trials have taken says nothing about this one.
    replicas().for_each(|replica| rig.cluster.process(replica).forget_peak_memory());
    let most = flood(&scenes, &rig.gateways(), Volume { connections: FEW, per_second: None, time }).await?;
    let (capacity, before) = (per_second(most.served, most.took), peaks(rig));
    let mut figures = vec![Figure::none("valid requests failed under the load that can be served", most.failures)];
    let crowd = flood(&scenes, &rig.gateways(), Volume { connections: MANY, per_second: None, time }).await?;
    figures.extend(of_a_crowd(capacity, crowd));
    figures.push(growth("most that a process has grown by the crowd", &before, &peaks(rig)));
    restart_waiting_for(rig, Some((WAITING, WAITING_FOR_ONE)))?;
    let outcome = with_little_room(rig, &scenes, capacity, &before, options).await;
    restart_waiting_for(rig, None)?;
    figures.extend(outcome?);
    figures.push(Figure::none("processes ended", rig.ended()));
    Ok(figures)
}

/// Starts the gateways again, one after another, which wait for so many answers from then on, and for so many of these
/// for one address.
fn restart_waiting_for(rig: &mut Rig, answers: Option<(u32, u32)>) -> anyhow::Result<()> {
    let (in_all, for_one) = answers.unzip();
    for (setting, answers) in [("CHATROOM_MAX_WAITING", in_all), ("CHATROOM_MAX_WAITING_PER_ADDRESS", for_one)] {
        rig.cluster.reconfigure(Part::Gateway, setting, answers.map(|answers| answers.to_string()));
    }
    for number in 0..REPLICAS {
        let gateway = Replica(Part::Gateway, number);
        stop(rig, gateway, GONE)?;
        rig.restart(gateway);
    }
    Ok(())
}

/// What is promised to a crowd that waits for its answers before it asks again, every setting at its default.
fn of_a_crowd(capacity: u32, crowd: Outcome) -> [Figure; 3] {
    let (served, least) = (per_second(crowd.served, crowd.took), capacity / 2);
    let promise = format!("{MANY} connections at once: served each second, where {capacity} can be");
    let (refused, most) = (crowd.refusals.len(), crowd.asked() / REFUSED_OF_A_CROWD);
    [
        Figure::new(promise, served.to_string(), format!("at least {least}"), served >= least),
        Figure::new(
            format!("of their {} requests, refused", crowd.asked()),
            refused.to_string(),
            format!("at most {most}"),
            refused <= most,
        ),
        Figure::none("of them, answers other than a success or 429 or 503 with Retry-After", crowd.failures),
    ]
}

/// What is tried before gateways that wait for few answers, so that it is they who have too much to do.
async fn with_little_room(
    rig: &Rig,
    scenes: &[Scene],
    capacity: u32,
    before: &[(String, u64)],
    options: &Options,
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = too_much(rig, scenes, capacity, options).await?;
    figures.push(growth("most that a process has grown", before, &peaks(rig)));
    figures.extend(one_against_another(rig, scenes, capacity, options).await?);
    Ok(figures)
}

/// Ten times too much.
async fn too_much(rig: &Rig, scenes: &[Scene], capacity: u32, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let gateways = rig.gateways();
    let time = Duration::from_secs(if options.short { 5 } else { 20 });
    let volume = Volume { connections: MANY, per_second: Some(capacity * TIMES), time };
    let outcome = flood(scenes, &gateways, volume).await?;
    let recovery = rig.serves(&scenes[0], &Route::ALL).await?;
    let load = Load::start(scenes, gateways, (capacity / PART).max(1));
    tokio::time::sleep(AFTERWARDS).await;
    let afterwards = load.end().await?;
    let mut figures: Vec<_> = under_flood(capacity, volume, outcome, options).into();
    figures.push(Figure::time("everything served after the end of it", recovery, options.within(RECOVERY)));
    let promise = format!("requests failed, of {}, once it is served again", afterwards.asked);
    figures.push(Figure::none(promise, afterwards.failures));
    Ok(figures)
}

/// One address asks for all that can be served and more, and another for a little.
async fn one_against_another(
    rig: &Rig,
    scenes: &[Scene],
    capacity: u32,
    options: &Options,
) -> anyhow::Result<[Figure; 2]> {
    let gateways = rig.gateways();
    let time = Duration::from_secs(if options.short { 3 } else { 5 });
    let volume = Volume { connections: MANY, per_second: Some(capacity * 2), time };
    // Each scene is one person's, at an address of their own.
    let beside = Load::start(&scenes[1..2], gateways.clone(), BESIDE);
    let flooding = flood(&scenes[..1], &gateways, volume).await?;
    let beside = beside.end().await?;
    let refused = flooding.refusals.len();
    Ok([
        Figure::new("one address asks for too much: refused", refused.to_string(), "at least 1", refused > 0),
        Figure::none(format!("requests of another failed meanwhile, of {}", beside.asked), beside.failures),
    ])
}

/// What is promised while too much is asked for.
fn under_flood(capacity: u32, volume: Volume, mut outcome: Outcome, options: &Options) -> [Figure; 5] {
    outcome.refusals.sort_unstable();
    let asked = per_second(outcome.asked(), volume.time);
    let least = capacity * if options.short { TIMES_AT_LEAST.1 } else { TIMES_AT_LEAST.0 };
    let quantile = |percent: usize| outcome.refusals.get(outcome.refusals.len() * percent / 100).copied();
    let (half, most) = (quantile(50).unwrap_or_default(), quantile(99).unwrap_or_default());
    let served = per_second(outcome.served, outcome.took);
    [
        Figure::new(
            format!("asked for each second, where {capacity} can be served"),
            asked.to_string(),
            format!("{}, at least {least}", capacity * TIMES),
            asked >= least,
        ),
        Figure::new(
            "of these, served",
            served.to_string(),
            format!("at least {}", capacity / SERVED_PART),
            served >= capacity / SERVED_PART,
        ),
        Figure::new(
            "of these, refused",
            outcome.refusals.len().to_string(),
            "at least 1",
            !outcome.refusals.is_empty(),
        ),
        Figure::time(
            format!("99 of 100 refusals after (half of the {} after {} ms)", outcome.refusals.len(), half.as_millis()),
            most,
            options.within(REFUSED),
        ),
        Figure::none("answers other than a success or 429 or 503 with Retry-After", outcome.failures),
    ]
}

fn per_second(requests: usize, time: Duration) -> u32 {
    let milliseconds = usize::try_from(time.as_millis()).unwrap_or(usize::MAX).max(1);
    u32::try_from(requests * 1000 / milliseconds).unwrap_or(u32::MAX)
}

/// The most memory that each process has used.
fn peaks(rig: &Rig) -> Vec<(String, u64)> {
    replicas().map(|replica| (format!("{replica:?}"), rig.cluster.process(replica).peak_memory())).collect()
}

fn growth(promise: &str, before: &[(String, u64)], after: &[(String, u64)]) -> Figure {
    let grown = before.iter().zip(after).map(|((name, before), (_, after))| (after - before.min(after), *after, name));
    let (growth, peak, name) =
        grown.max().map_or_else(Default::default, |(growth, peak, name)| (growth, peak, name.clone()));
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    Figure::new(
        promise,
        format!("{}, to {} ({name})", mebibytes(growth), mebibytes(peak)),
        format!("at most {}", mebibytes(GROWTH)),
        growth <= GROWTH,
    )
}
