//! The command line of the realtime benchmark, and how much of everything there is.

use std::{path::PathBuf, time::Duration};

use chatroom_tests::Shape;
use clap::Args;

use super::measure::Measure;
use crate::options::{both_shapes, shape_parser};

/// What to measure, and how thoroughly.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Be hasty: fewer users, one short round
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure these only; can be given several times
    #[arg(long, value_enum, value_name = "MEASURE")]
    pub(crate) only: Vec<Measure>,
    /// Measure this shape only
    #[arg(long, value_name = "SHAPE", value_parser = shape_parser())]
    pub(crate) shape: Option<Shape>,
}

/// What the limit serves.
#[derive(Args, Debug)]
pub(crate) struct BroadcastOptions {
    /// File of lines with a token and the rooms its user is in
    #[arg(long, value_name = "FILE")]
    pub(crate) members: PathBuf,
}

/// How much of everything there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How many users.
    pub(crate) users: usize,
    /// How many rooms, where there are many.
    pub(crate) rooms: usize,
    /// How many idle sockets.
    pub(crate) sockets: usize,
    /// How many messages the old group has.
    pub(crate) past: i64,
}

/// How long the sockets are loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How long before anything is counted.
    pub(crate) warm_up: Duration,
    /// How long is counted.
    pub(crate) duration: Duration,
}

impl Run {
    /// Which shapes.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        both_shapes(self.shape)
    }

    /// Which measures.
    pub(crate) fn measures(&self) -> impl Iterator<Item = Measure> {
        Measure::ALL.into_iter().filter(|measure| self.only.is_empty() || self.only.contains(measure))
    }

    /// How much of everything.
    pub(crate) fn scale(&self) -> Scale {
        if self.quick {
            Scale { users: 100, rooms: 10, sockets: 500, past: 20_000 }
        } else {
            Scale { users: 1000, rooms: 100, sockets: 5000, past: 1_000_000 }
        }
    }

    /// How often the product and its limit are loaded, in turn; the medians count.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How long a measure takes each time.
    pub(crate) fn effort(&self, measure: Measure) -> Effort {
        let (warm_up, duration) = if self.quick { (300, 1000) } else { (1000, 4000) };
        Effort {
            warm_up: Duration::from_millis(warm_up),
            duration: Duration::from_millis(duration) * measure.patience(),
        }
    }

    /// How long idle sockets are watched: each is pinged in that time, unless it is done hastily.
    pub(crate) fn idle_time(&self) -> Duration {
        Duration::from_secs(if self.quick { 5 } else { 60 })
    }
}
