//! The fault run's command line.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// How many times what is promised the short form waits, and how many times less it is content to see done.
const PATIENCE: u32 = 5;

/// How many requests a second the short form makes at most of one load.
const SHORT_RATE: u32 = 20;

/// Starts chatroom as it is distributed, breaks what it stands on, and says which promises it keeps
#[derive(Debug, Parser)]
#[command(name = "chatroom-faults", version)]
pub(crate) struct Options {
    /// Take about three minutes: fewer faults, shorter, and no overload, of which a busy machine has one of its own
    #[arg(long)]
    pub(crate) short: bool,
    /// Make these trials only; can be given several times
    #[arg(long, value_enum, value_name = "TRIAL")]
    pub(crate) only: Vec<Trial>,
}

/// A promise that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Trial {
    /// Nothing acknowledged is lost, whatever is killed
    Kills,
    /// Everybody in a large room hears everything once, whatever is killed
    Chat,
    /// Processes are stopped under load, one after another
    Rolling,
    /// The database is away for long
    Outage,
    /// The key that signs tokens is replaced under load
    Rotation,
    /// The file store cannot write, is silent or gone
    Storage,
    /// Ten times as much is asked for as can be served
    Overload,
    /// Each dependency is away in turn
    Dependency,
}

impl Trial {
    /// What it shows.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Kills => "Nothing acknowledged is lost",
            Self::Chat => "Everybody hears everything once",
            Self::Rolling => "Stopped under load",
            Self::Outage => "A database that is away for long",
            Self::Rotation => "The key that signs tokens is replaced",
            Self::Storage => "A file store that cannot write, is silent or gone",
            Self::Overload => "Ten times too much",
            Self::Dependency => "One dependency away",
        }
    }

    /// Whether it takes dependencies away, and so needs proxies before them.
    pub(crate) fn needs_proxies(self) -> bool {
        self == Self::Dependency
    }
}

impl Options {
    /// How long something may take that is promised within `promised`: several times that in the short form, which runs on
    /// machines that are busy with other things, and is there for what is lost, wrong or never comes.
    pub(crate) fn within(&self, promised: Duration) -> Duration {
        if self.short { promised * PATIENCE } else { promised }
    }

    /// How much has to be done at the least for a figure to show anything: less in the short form.
    pub(crate) fn at_least(&self, count: usize) -> usize {
        if self.short { count / PATIENCE as usize } else { count }
    }

    /// Requests a second: few enough in the short form that machines which are busy serve them all.
    pub(crate) fn per_second(&self, rate: u32) -> u32 {
        if self.short { rate.min(SHORT_RATE) } else { rate }
    }

    /// The trials to make, in an order in which those on the same rig follow each other.
    pub(crate) fn trials(&self) -> Vec<Trial> {
        let asked_for = |trial: &&Trial| match self.only[..] {
            [] => !self.short || **trial != Trial::Overload,
            _ => self.only.contains(trial),
        };
        Trial::value_variants().iter().filter(asked_for).copied().collect()
    }
}
