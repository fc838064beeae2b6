//! What the kernel says of a running process: CPU time and memory, read under /proc. Owns no process.

use std::{fs, time::Duration};

use anyhow::Context as _;
use serde::Serialize;

/// The kernel counts CPU time in hundredths of a second for programs (`USER_HZ`), on every architecture we run on.
const TICK: Duration = Duration::from_millis(10);

/// A process that is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// What it is called in a table.
    pub(crate) name: &'static str,
    /// Its id.
    pub(crate) id: u32,
}

/// The CPU time a process has used since it began: its own and the kernel's on its behalf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuTime(Duration);

impl CpuTime {
    /// How much was used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The memory of a process, in MiB.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Memory {
    /// Resident now.
    pub(crate) resident: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl Watched {
    /// How much CPU time it has used.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<CpuTime> {
        let text = self.read("stat")?;
        // The second field is the program's name in brackets, which may hold anything: count after it.
        let (_, fields) = text.rsplit_once(')').context("/proc says something unknown")?;
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(str::parse::<u32>)
            .sum::<Result<u32, _>>()
            .context("/proc says something unknown")?;
        Ok(CpuTime(TICK * ticks))
    }

    /// How much memory it has.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let text = self.read("status")?;
        let mebibytes = |field: &str| {
            let kibibytes = text.lines().find_map(|line| line.strip_prefix(field)?.strip_suffix("kB"));
            let kibibytes: u32 = kibibytes.context("/proc says something unknown")?.trim().parse()?;
            anyhow::Ok(f64::from(kibibytes) / 1024.0)
        };
        Ok(Memory { resident: mebibytes("VmRSS:")?, peak: mebibytes("VmHWM:")? })
    }

    /// How much memory it has in MiB, where a page that others have too counts in parts.
    pub(crate) fn proportional_memory(&self) -> anyhow::Result<f64> {
        let text = self.read("smaps_rollup")?;
        let kibibytes = text.lines().find_map(|line| line.strip_prefix("Pss:")?.strip_suffix("kB"));
        let kibibytes: u32 = kibibytes.context("/proc says something unknown")?.trim().parse()?;
        Ok(f64::from(kibibytes) / 1024.0)
    }

    fn read(&self, file: &str) -> anyhow::Result<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.id)).with_context(|| format!("{} is gone", self.name))
    }
}
