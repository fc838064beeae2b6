//! What the run says in the end: a figure for each promise, as a table for people and as JSON for programs. Measures
//! nothing.

use std::{fmt, fs, path::Path, time::Duration};

use anyhow::Context as _;
use serde::Serialize;

/// Where the figures are left for programs.
const FILE: &str = "target/faults.json";

/// What was found out about one promise.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What is promised.
    promise: String,
    /// What was measured.
    measured: String,
    /// The bound that it keeps to.
    bound: String,
    /// Whether it does.
    kept: bool,
    /// What broke it, as far as there is more to say.
    details: Vec<String>,
}

impl Figure {
    /// A time that may be `bound` at most.
    pub(crate) fn time(promise: impl Into<String>, measured: Duration, bound: Duration) -> Self {
        Self::new(promise, seconds(measured), format!("at most {}", seconds(bound)), measured <= bound)
    }

    /// Things of which there may be none.
    pub(crate) fn none(promise: impl Into<String>, found: Vec<String>) -> Self {
        let figure = Self::new(promise, found.len().to_string(), "0", found.is_empty());
        Self { details: found, ..figure }
    }

    /// Any figure.
    pub(crate) fn new(
        promise: impl Into<String>,
        measured: impl Into<String>,
        bound: impl Into<String>,
        kept: bool,
    ) -> Self {
        Self { promise: promise.into(), measured: measured.into(), bound: bound.into(), kept, details: Vec::new() }
    }

    /// Says more about it.
    pub(crate) fn with(mut self, details: Vec<String>) -> Self {
        self.details = details;
        self
    }
}

/// The figures of one trial.
#[derive(Debug, Serialize)]
pub(crate) struct TrialReport {
    /// The trial.
    pub(crate) trial: &'static str,
    /// How long it took, in seconds.
    pub(crate) seconds: f64,
    /// Its figures.
    pub(crate) figures: Vec<Figure>,
}

/// The figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Whether it was the short form.
    pub(crate) short: bool,
    /// Whether the binaries are a debug build.
    pub(crate) debug: bool,
    /// The trials, in the order in which they were made.
    pub(crate) trials: Vec<TrialReport>,
}

impl Report {
    /// Whether every promise was kept.
    pub(crate) fn kept(&self) -> bool {
        self.trials.iter().flat_map(|trial| &trial.figures).all(|figure| figure.kept)
    }

    /// Leaves the figures for programs.
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let file = Path::new(FILE);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(file, serde_json::to_vec_pretty(self)?).with_context(|| format!("{FILE} cannot be written"))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.debug { "debug" } else { "release" };
        writeln!(formatter, "{build} build{}", if self.short { ", short form" } else { "" })?;
        for trial in &self.trials {
            writeln!(formatter, "\n{} ({:.0} s)", trial.trial, trial.seconds)?;
            writeln!(formatter, "| promise | measured | bound | |\n|---|---|---|---|")?;
            for Figure { promise, measured, bound, kept, .. } in &trial.figures {
                let verdict = if *kept { "kept" } else { "**broken**" };
                writeln!(formatter, "| {promise} | {measured} | {bound} | {verdict} |")?;
            }
            let broken = trial.figures.iter().filter(|figure| !figure.kept);
            for figure in broken {
                for detail in figure.details.iter().take(20) {
                    writeln!(formatter, "  {}: {detail}", figure.promise)?;
                }
            }
        }
        Ok(())
    }
}

/// A time in seconds, as people read it.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}
