//! What is printed and kept: tables in Markdown for people, the same figures as JSON for programs.

use std::{fmt, fs, path::Path};

use anyhow::Context as _;
use chatroom_tests::Shape;
use serde::Serialize;

use crate::{
    options::Run,
    rounds::Comparison,
    route::{Aim, Route},
    usage::Memory,
};

/// Where the figures are kept.
const FILE: &str = "target/bench/results.json";
/// In how many milliseconds the product is meant to give its first answer.
const START_AIM: f64 = 150.0;
/// How many MiB an idle process is meant to stay below.
const IDLE_AIM: f64 = 40.0;

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
    /// Which one.
    #[serde(serialize_with = "as_text")]
    pub(crate) shape: Shape,
    /// Milliseconds from the start to the first answer.
    pub(crate) start: f64,
    /// What each process has taken.
    pub(crate) memory: Vec<MemoryReport>,
    /// Each route.
    pub(crate) routes: Vec<RouteReport>,
}

/// The memory of a process.
#[derive(Serialize)]
pub(crate) struct MemoryReport {
    /// Which one.
    pub(crate) process: &'static str,
    /// Before any load.
    pub(crate) idle: Memory,
    /// After all of it.
    pub(crate) loaded: Memory,
}

/// What was measured of a route.
#[derive(Serialize)]
pub(crate) struct RouteReport {
    /// Which one.
    #[serde(serialize_with = "as_text")]
    pub(crate) route: Route,
    /// Beside its limit.
    pub(crate) comparison: Comparison,
}

/// Serialises what is shown.
pub(crate) fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
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

/// Writes figures to a file.
pub(crate) fn save(file: &str, figures: &impl Serialize) -> anyhow::Result<()> {
    let path = Path::new(file);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, serde_json::to_vec_pretty(figures)?).with_context(|| format!("{file} cannot be written"))
}

/// What the figures hold for.
pub(crate) async fn machine() -> anyhow::Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let models: Vec<_> = processors.lines().filter_map(|line| line.strip_prefix("model name")).collect();
    let model = models.first().map_or("unknown processor", |line| line.trim_start_matches([':', ' ', '\t']));
    Ok(format!("{} × {model}, {}", models.len(), chatroom_tests::postgres::version().await))
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.machine)?;
        writeln!(
            formatter,
            "CPU is user and system time of the server's processes, without PostgreSQL's and the generator's. \
             Ratios are the product's figure over the limit's.\n"
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
        self.write_routes(formatter)?;
        if self.shape == Shape::Distributed {
            self.write_processes(formatter)?;
        }
        self.write_memory(formatter)?;
        let met = verdict(self.start <= START_AIM);
        writeln!(formatter, "start to first answer: {:.0} ms (aim: {START_AIM:.0} ms; {met})", self.start)
    }
}

impl ShapeReport {
    fn write_routes(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "| route | requests/s | p50 ms | p99 ms | CPU µs/request | limit: requests/s | p50 ms | p99 ms | CPU µs | \
             CPU ratio | rate ratio | aim |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
        )?;
        for RouteReport { route, comparison } in &self.routes {
            let Comparison { product, limit, cpu_ratio, rate_ratio } = comparison;
            let (limit_cpu, cpu_ratio_text) = if route.moves_objects() {
                ("–".to_owned(), "–".to_owned())
            } else {
                (format!("{:.0}", limit.total_cpu()), format!("{cpu_ratio:.2}"))
            };
            writeln!(
                formatter,
                "| {route} | {:.0} | {:.1} | {:.1} | {:.0} | {:.0} | {:.1} | {:.1} | {limit_cpu} | {cpu_ratio_text} | \
                 {rate_ratio:.2} | {} |",
                product.rate,
                product.p50,
                product.p99,
                product.total_cpu(),
                limit.rate,
                limit.p50,
                limit.p99,
                aim(route.aim(self.shape), comparison),
            )?;
        }
        writeln!(formatter)
    }

    fn write_processes(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.memory.iter().map(|memory| memory.process).collect();
        writeln!(formatter, "| CPU µs/request | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
        for RouteReport { route, comparison } in &self.routes {
            let cpu: Vec<_> = comparison.product.cpu.iter().map(|cpu| format!("{cpu:.0}")).collect();
            writeln!(formatter, "| {route} | {} |", cpu.join(" | "))?;
        }
        writeln!(formatter)
    }

    fn write_memory(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| process | idle MiB | loaded MiB | peak MiB | aim |\n|---|---|---|---|---|")?;
        for MemoryReport { process, idle, loaded } in &self.memory {
            writeln!(
                formatter,
                "| {process} | {:.1} | {:.1} | {:.1} | idle below {IDLE_AIM:.0}: {} |",
                idle.resident,
                loaded.resident,
                loaded.peak,
                verdict(idle.resident < IDLE_AIM),
            )?;
        }
        writeln!(formatter)
    }
}

fn aim(aim: Aim, comparison: &Comparison) -> String {
    match aim {
        Aim::CpuAtMost(most) => format!("CPU ≤ {most}: {}", verdict(comparison.cpu_ratio <= most)),
        Aim::RateAtLeast(least) => format!("rate ≥ {least}: {}", verdict(comparison.rate_ratio >= least)),
        Aim::None => "–".to_owned(),
    }
}

/// Whether an aim was met, in a word.
pub(crate) fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}
