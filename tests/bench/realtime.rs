//! `chatroom-bench realtime`: the chat over sockets, in both shapes and beside its limit, a bare broadcast that stores
//! nothing. Owns the order of the measures; what a measure is stands in [`measure`].

pub(crate) mod broadcast;
mod compare;
mod figures;
mod frame;
mod history;
mod idle;
mod ledger;
mod load;
mod measure;
mod member;
pub(crate) mod options;
pub(crate) mod past;
mod reads;
mod report;
pub(crate) mod rig;
mod sender;
mod socket;
pub(crate) mod world;

use anyhow::Context as _;
use chatroom_tests::Shape;

use self::{
    measure::Measure,
    options::Run,
    report::{Report, ShapeReport},
    rig::Rig,
};

/// Measures what `run` asks for, and prints and keeps the figures.
pub(crate) async fn bench(run: &Run) -> anyhow::Result<()> {
    let mut report = Report::begin(run).await?;
    for shape in run.shapes() {
        let measured = bench_shape(shape, run).await.with_context(|| format!("in the {shape} shape"))?;
        report.shapes.push(measured);
    }
    print!("{report}");
    report.save()
}

async fn bench_shape(shape: Shape, run: &Run) -> anyhow::Result<ShapeReport> {
    eprintln!("{shape}: starting it and signing users in");
    let mut rig = Rig::start(shape, run.scale().users).await?;
    let mut report = ShapeReport::new(shape);
    for measure in run.measures() {
        eprintln!("{shape}: {measure}");
        take(measure, &mut rig, run, &mut report).await.with_context(|| format!("measuring {measure}"))?;
    }
    Ok(report)
}

async fn take(measure: Measure, rig: &mut Rig, run: &Run, report: &mut ShapeReport) -> anyhow::Result<()> {
    match measure {
        Measure::Idle => report.idle = Some(idle::measure(rig, run).await?),
        Measure::Reads => report.reads = reads::measure(rig, run).await?,
        Measure::Sends => report.sends = Some(compare::alone(measure, rig, run).await?),
        _ => report.talks.push((measure, compare::beside_limit(measure, rig, run).await?)),
    }
    Ok(())
}
