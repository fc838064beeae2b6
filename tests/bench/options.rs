//! The benchmark's command line.

use std::{path::PathBuf, time::Duration};

use chatroom_tests::Shape;
use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};

use crate::{erasure, load::Effort, realtime, route::Route, seed::Size};

/// Measures chatroom in both shapes against the least that could do the same work
#[derive(Debug, Parser)]
#[command(name = "chatroom-bench", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Options {
    /// What to do instead of measuring.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// What to measure.
    #[command(flatten)]
    pub(crate) run: Run,
}

/// What else it does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the limit: the same SQL and answers from bare handlers
    Limit(LimitOptions),
    /// Measure the chat over sockets against a bare broadcast
    Realtime(realtime::options::Run),
    /// Measure what taking data away costs, and what those notice who go on speaking
    Erasure(erasure::Run),
    /// Serve the limit of the chat: what is said is told to a room, and stored nowhere
    Broadcast(realtime::options::BroadcastOptions),
}

/// What the limit serves from.
#[derive(Args, Debug)]
pub(crate) struct LimitOptions {
    /// A copy of the user service's database
    #[arg(long, value_name = "URL")]
    pub(crate) user_database_url: String,
    /// A copy of the merchant service's database
    #[arg(long, value_name = "URL")]
    pub(crate) merchant_database_url: String,
    /// A copy of the group service's database
    #[arg(long, value_name = "URL")]
    pub(crate) group_database_url: String,
    /// File of lines with a token and its user's id
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: PathBuf,
}

/// What to measure, and how thoroughly.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Take less than a minute: fewer users, one short round
    #[arg(long)]
    pub(crate) quick: bool,
    /// Measure these only; can be given several times
    #[arg(long, value_enum, value_name = "ROUTE")]
    pub(crate) only: Vec<Route>,
    /// Measure this shape only
    #[arg(long, value_name = "SHAPE", value_parser = shape_parser())]
    pub(crate) shape: Option<Shape>,
}

/// Reads a shape's name.
pub(crate) fn shape_parser() -> impl clap::builder::TypedValueParser<Value = Shape> {
    PossibleValuesParser::new(["standalone", "distributed"]).map(|name| match name.as_str() {
        "standalone" => Shape::Standalone,
        _ => Shape::Distributed,
    })
}

/// The one shape that was asked for, or both.
pub(crate) fn both_shapes(only: Option<Shape>) -> Vec<Shape> {
    only.map_or_else(|| vec![Shape::Standalone, Shape::Distributed], |shape| vec![shape])
}

impl Run {
    /// Which shapes.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        both_shapes(self.shape)
    }

    /// Which routes.
    pub(crate) fn routes(&self) -> impl Iterator<Item = Route> {
        Route::ALL.into_iter().filter(|route| self.only.is_empty() || self.only.contains(route))
    }

    /// How much data is there before.
    pub(crate) fn size(&self) -> Size {
        Size { users: if self.quick { 100 } else { 1000 } }
    }

    /// How often the product and its limit are loaded, in turn; the medians count.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How often the product is started; the median counts.
    pub(crate) fn starts(&self) -> usize {
        if self.quick { 3 } else { 5 }
    }

    /// How a route is loaded.
    pub(crate) fn effort(&self, route: Route) -> Effort {
        let (warm_up, duration) = if self.quick { (200, 600) } else { (300, 1500) };
        Effort {
            connections: route.connections(),
            warm_up: Duration::from_millis(warm_up),
            duration: Duration::from_millis(duration) * route.patience(),
        }
    }
}
