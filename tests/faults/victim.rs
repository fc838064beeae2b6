//! What can be killed, and how it is killed and started again. Waits for nothing beyond that.

use std::fmt;

use chatroom_tests::{Part, cluster::Replica};
use tokio::task::block_in_place;

use crate::rig::Rig;

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Process(Replica),
    Bus,
    Database,
}

impl Victim {
    /// Kills it at once, as a crash would.
    pub(crate) fn kill(self, rig: &mut Rig) {
        match self {
            Self::Process(replica) => rig.cluster.kill(replica),
            Self::Bus => rig.cluster.nats().kill(),
            Self::Database => rig.postgres.kill(),
        }
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(self, rig: &mut Rig) {
        match self {
            Self::Process(replica) => rig.restart(replica),
            Self::Bus => block_in_place(|| rig.cluster.nats().restart()),
            Self::Database => rig.postgres.restart().await,
        }
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(Replica(Part::Gateway, _)) => formatter.write_str("a gateway"),
            Self::Process(Replica(part, _)) => write!(formatter, "a replica of {}", part.binary()),
            Self::Bus => formatter.write_str("NATS"),
            Self::Database => formatter.write_str("PostgreSQL"),
        }
    }
}
