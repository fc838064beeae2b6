//! Promise: asked for ten times as much as it can serve, the product refuses what is too much at once, with 429 or 503
//! and a time to try again, and fails in no other way; no process grows without bound, and all is served again within
//! seconds of the end of it.

use std::time::Duration;

use crate::{
    flood::{Outcome, Volume, flood},
    load::Load,
    options::Options,
    report::Figure,
    rig::{Rig, replicas},
    scene::{Route, Scene},
};

/// How many people ask.
const SCENES: usize = 8;
/// How many connections find out what can be served, and how many ask for more.
const FEW: u32 = 32;
const MANY: u32 = 1000;
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
    let gateways = rig.gateways();
    let time = Duration::from_secs(if options.short { 3 } else { 5 });
    let most = flood(&scenes, &gateways, Volume { connections: FEW, per_second: None, time }).await?;
    let capacity = per_second(most.served, most.took);
    let before = peaks(rig);
    let asked_for = capacity * TIMES;
    let time = Duration::from_secs(if options.short { 5 } else { 20 });
    let volume = Volume { connections: MANY, per_second: Some(asked_for), time };
    let outcome = flood(&scenes, &gateways, volume).await?;
    let recovery = rig.serves(&scenes[0], &Route::ALL).await?;
    let growth = growth(&before, &peaks(rig));
    let load = Load::start(&scenes, gateways, (capacity / PART).max(1));
    tokio::time::sleep(AFTERWARDS).await;
    let afterwards = load.end().await?;
    let mut figures = vec![Figure::none("valid requests failed under the load that can be served", most.failures)];
    figures.extend(under_flood(capacity, volume, outcome, options));
    figures.push(growth);
    figures.push(Figure::time("everything served after the end of it", recovery, options.within(RECOVERY)));
    let promise = format!("requests failed, of {}, once it is served again", afterwards.asked);
    figures.push(Figure::none(promise, afterwards.failures));
    figures.push(Figure::none("processes ended", rig.ended()));
    Ok(figures)
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

fn growth(before: &[(String, u64)], after: &[(String, u64)]) -> Figure {
    let grown = before.iter().zip(after).map(|((name, before), (_, after))| (after - before.min(after), *after, name));
    let (growth, peak, name) =
        grown.max().map_or_else(Default::default, |(growth, peak, name)| (growth, peak, name.clone()));
    let mebibytes = |bytes: u64| format!("{} MiB", bytes >> 20);
    Figure::new(
        "most that a process has grown",
        format!("{}, to {} ({name})", mebibytes(growth), mebibytes(peak)),
        format!("at most {}", mebibytes(GROWTH)),
        growth <= GROWTH,
    )
}
