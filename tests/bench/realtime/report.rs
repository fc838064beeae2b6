//! What is printed and kept: tables in Markdown for people, the same figures as JSON for programs.

use std::fmt;

use chatroom_tests::Shape;
use serde::Serialize;

use super::{
    compare::Comparison,
    idle::IdleReport,
    load::Sample,
    measure::{Aim, Measure},
    options::Run,
    reads::ReadReport,
};
use crate::report::{as_text, machine, save, verdict};

/// Where the figures are kept.
const FILE: &str = "target/bench/realtime.json";
/// How many KiB an idle socket is meant to stay below.
const IDLE_AIM: f64 = 6.0;
/// How much more CPU time a read may take in an old group than in a young one: as fast, but for noise.
const READ_AIM: f64 = 1.1;

/// Everything that was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    machine: String,
    /// Whether it was done hastily.
    quick: bool,
    /// The shapes, in the order in which they were measured.
    pub(crate) shapes: Vec<ShapeReport>,
}

/// What was measured of a shape.
#[derive(Serialize)]
pub(crate) struct ShapeReport {
    #[serde(serialize_with = "as_text")]
    shape: Shape,
    /// What telling rooms costs.
    #[serde(serialize_with = "by_name")]
    pub(crate) talks: Vec<(Measure, Comparison)>,
    /// What idle sockets cost.
    pub(crate) idle: Option<IdleReport>,
    /// What sending costs where few listen.
    pub(crate) sends: Option<Sample>,
    /// What reading costs.
    pub(crate) reads: Vec<ReadReport>,
}

fn by_name<S: serde::Serializer>(talks: &[(Measure, Comparison)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(talks.iter().map(|(measure, comparison)| (measure.to_string(), comparison)))
}

impl Report {
    /// A report of nothing yet.
    pub(crate) async fn begin(run: &Run) -> anyhow::Result<Self> {
        Ok(Self { machine: machine().await?, quick: run.quick, shapes: Vec::new() })
    }

    /// Writes the figures to their file.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        save(FILE, self)
    }
}

impl ShapeReport {
    /// A report of nothing yet.
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape, talks: Vec::new(), idle: None, sends: None, reads: Vec::new() }
    }

    fn write_talks(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| rooms | deliveries/s | sends/s | p50 ms | p99 ms | gateway µs/delivery | all µs/delivery | \
             limit: deliveries/s | p50 ms | p99 ms | µs/delivery | gateway ratio | all ratio | aim |\n\
             |---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for (measure, Comparison { product, limit, front_ratio, cpu_ratio, .. }) in &self.talks {
            writeln!(
                formatter,
                "| {measure} | {:.0} | {:.0} | {:.1} | {:.1} | {:.2} | {:.2} | {:.0} | {:.1} | {:.1} | {:.2} | \
                 {front_ratio:.2} | {cpu_ratio:.2} | {} |",
                product.deliveries,
                product.sends,
                product.p50,
                product.p99,
                product.front_cpu(),
                product.total_cpu(),
                limit.deliveries,
                limit.p50,
                limit.p99,
                limit.total_cpu(),
                aim(*measure, product),
            )?;
        }
        writeln!(formatter)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.machine)?;
        writeln!(
            formatter,
            "CPU is user and system time of the server's processes, without PostgreSQL's, NATS's and the generator's; \
             the gateway of the standalone shape is its one process. The limit is a bare broadcast that stores \
             nothing.\n"
        )?;
        for shape in &self.shapes {
            writeln!(formatter, "{shape}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ShapeReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "## {}\n", self.shape)?;
        if !self.talks.is_empty() {
            self.write_talks(formatter)?;
        }
        if let Some(sends) = &self.sends {
            write_sends(formatter, sends)?;
        }
        if let Some(idle) = &self.idle {
            write_idle(formatter, idle)?;
        }
        if !self.reads.is_empty() {
            write_reads(formatter, &self.reads)?;
        }
        Ok(())
    }
}

fn write_sends(formatter: &mut fmt::Formatter<'_>, sends: &Sample) -> fmt::Result {
    let per_send = sends.deliveries / sends.sends;
    writeln!(
        formatter,
        "| {} | sends/s | acknowledged p50 ms | p99 ms | gateway µs/send | all µs/send | aim |\n\
         |---|---|---|---|---|---|---|\n\
         | every one in the history afterwards | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {} |\n",
        Measure::Sends,
        sends.sends,
        sends.sent_p50,
        sends.sent_p99,
        sends.front_cpu() * per_send,
        sends.total_cpu() * per_send,
        aim(Measure::Sends, sends),
    )
}

fn write_idle(formatter: &mut fmt::Formatter<'_>, idle: &IdleReport) -> fmt::Result {
    let IdleReport { sockets, product, limit } = idle;
    writeln!(
        formatter,
        "| {sockets} idle sockets | resident KiB/socket | proportional KiB/socket | CPU µs/socket/minute | aim |\n\
         |---|---|---|---|---|\n\
         | product | {:.1} | {:.1} | {:.0} | < {IDLE_AIM:.0} KiB: {} |\n\
         | limit | {:.1} | {:.1} | {:.0} | |\n",
        product.resident,
        product.proportional,
        product.cpu,
        verdict(product.resident < IDLE_AIM),
        limit.resident,
        limit.proportional,
        limit.cpu,
    )
}

fn write_reads(formatter: &mut fmt::Formatter<'_>, reads: &[ReadReport]) -> fmt::Result {
    writeln!(
        formatter,
        "| read | long past: requests/s | p50 ms | p99 ms | CPU µs/request | young group: requests/s | p50 ms | p99 ms | \
         CPU µs/request | CPU ratio | aim |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for ReadReport { name, old, young, cpu_ratio } in reads {
        writeln!(
            formatter,
            "| {name} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} | {cpu_ratio:.2} | {} |",
            old.rate,
            old.p50,
            old.p99,
            old.total_cpu(),
            young.rate,
            young.p50,
            young.p99,
            young.total_cpu(),
            if name.starts_with("last") {
                format!("as fast: {}", verdict(old.p50 <= young.p50 * READ_AIM))
            } else {
                "–".to_owned()
            },
        )?;
    }
    writeln!(formatter)
}

fn aim(measure: Measure, sample: &Sample) -> String {
    match measure.aim() {
        Aim::DeliveryCpu(most) => format!("gateway < {most} µs: {}", verdict(sample.front_cpu() < most)),
        Aim::P99(most) => format!("p99 < {most} ms: {}", verdict(sample.p99 < most)),
        Aim::SendRate(least) => format!("≥ {least}/s: {}", verdict(sample.sends >= least)),
        Aim::None => "–".to_owned(),
    }
}
