//! The product and its limit loaded in turn, A B A B, so that what the machine does besides meets both alike. Owns the
//! medians.

use anyhow::ensure;
use serde::Serialize;

use super::{
    history,
    load::{self, Outcome, Sample, Target},
    measure::{Measure, Talk},
    options::Run,
    rig::{Limit, Rig},
    world::Room,
};
use crate::rounds::median;

/// How much longer or shorter the limit's frames may be than the product's, to be the same work.
const FRAME_TOLERANCE: f64 = 0.15;

/// What telling rooms costs the product, and what it costs the limit.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    /// How many members were told each message.
    pub(crate) members: usize,
    /// The product's medians.
    pub(crate) product: Sample,
    /// The limit's medians.
    pub(crate) limit: Sample,
    /// CPU time per delivery of the product's process that holds the sockets, as a multiple of the limit's: the median
    /// of the rounds' ratios.
    pub(crate) front_ratio: f64,
    /// The same of all the product's processes.
    pub(crate) cpu_ratio: f64,
}

/// Loads the product and its limit in turn.
pub(crate) async fn beside_limit(measure: Measure, rig: &Rig, run: &Run) -> anyhow::Result<Comparison> {
    let talk = measure.talk(run.scale());
    let rooms = rig.open_rooms(talk).await?;
    let limit = Limit::start(&rooms)?;
    let mut pairs = Vec::new();
    for _ in 0..run.rounds() {
        let product = load(&rig.target(), &rooms, talk, run, measure)?.sample;
        let limit = load(&limit.target(), &rooms, talk, run, measure)?.sample;
        ensure!(
            (limit.frame / product.frame - 1.0).abs() <= FRAME_TOLERANCE,
            "the product's frames have {:.0} bytes, the limit's {:.0}",
            product.frame,
            limit.frame
        );
        pairs.push((product, limit));
    }
    let front_ratio = median(pairs.iter().map(|(product, limit)| product.front_cpu() / limit.front_cpu()));
    let cpu_ratio = median(pairs.iter().map(|(product, limit)| product.total_cpu() / limit.total_cpu()));
    let (products, limits): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (product, limit) = (median_sample(&products), median_sample(&limits));
    Ok(Comparison { members: talk.members, product, limit, front_ratio, cpu_ratio })
}

/// Loads the product, and looks whether everything that was said is in the history afterwards.
pub(crate) async fn alone(measure: Measure, rig: &Rig, run: &Run) -> anyhow::Result<Sample> {
    let talk = measure.talk(run.scale());
    let rooms = rig.open_rooms(talk).await?;
    let mut samples = Vec::new();
    for _ in 0..run.rounds() {
        let outcome = load(&rig.target(), &rooms, talk, run, measure)?;
        for (room, heard) in rooms.iter().zip(&outcome.heard) {
            history::check(rig.cluster.address(), &room.tokens[0], heard).await?;
        }
        samples.push(outcome.sample);
    }
    Ok(median_sample(&samples))
}

/// The load has a thread and a runtime of its own; this one goes on serving the object storage.
fn load(target: &Target, rooms: &[Room], talk: Talk, run: &Run, measure: Measure) -> anyhow::Result<Outcome> {
    let Talk { senders, pace, .. } = talk;
    tokio::task::block_in_place(|| load::run(target, rooms, senders, pace, run.effort(measure)))
}

fn median_sample(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    let processes = samples.first().map_or(0, |sample| sample.cpu.len());
    Sample {
        deliveries: of(|sample| sample.deliveries),
        p50: of(|sample| sample.p50),
        p99: of(|sample| sample.p99),
        sends: of(|sample| sample.sends),
        sent_p50: of(|sample| sample.sent_p50),
        sent_p99: of(|sample| sample.sent_p99),
        cpu: (0..processes).map(|index| median(samples.iter().map(|sample| sample.cpu[index]))).collect(),
        frame: of(|sample| sample.frame),
    }
}
