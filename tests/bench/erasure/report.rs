//! What is printed and kept.

use std::fmt;

use chatroom_tests::Shape;
use serde::Serialize;

use super::speakers::Latency;
use crate::report::{as_text, machine, save};

/// Where the figures are kept.
const FILE: &str = "target/bench/erasure.json";

/// Everything that was measured.
#[derive(Serialize)]
pub(super) struct Report {
    machine: String,
    /// Whether it was done hastily.
    quick: bool,
    shapes: Vec<ShapeReport>,
}

#[derive(Serialize)]
struct ShapeReport {
    #[serde(serialize_with = "as_text")]
    shape: Shape,
    measures: Vec<Taken>,
}

/// A measure that was taken.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    /// What happened.
    pub(super) name: &'static str,
    /// How long it took.
    pub(super) seconds: f64,
    /// How long sending took meanwhile.
    pub(super) latency: Latency,
}

impl Report {
    pub(super) async fn begin(quick: bool) -> anyhow::Result<Self> {
        Ok(Self { machine: machine().await?, quick, shapes: Vec::new() })
    }

    pub(super) fn add(&mut self, shape: Shape, measures: Vec<Taken>) {
        self.shapes.push(ShapeReport { shape, measures });
    }

    pub(super) fn save(&self) -> anyhow::Result<()> {
        save(FILE, self)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}\n", self.machine)?;
        writeln!(formatter, "| shape | meanwhile | takes | sends | median | p99 | worst |")?;
        writeln!(formatter, "|---|---|---|---|---|---|---|")?;
        for report in &self.shapes {
            for Taken { name, seconds, latency: Latency { sends, median, p99, worst } } in &report.measures {
                let shape = report.shape;
                writeln!(
                    formatter,
                    "| {shape} | {name} | {seconds:.1} s | {sends} | {median:.1} ms | {p99:.1} ms | {worst:.1} ms |"
                )?;
            }
        }
        Ok(())
    }
}
