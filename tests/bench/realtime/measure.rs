//! What is measured of the chat, and what is aimed at.

use std::{fmt, time::Duration};

use clap::ValueEnum;

use super::options::Scale;

/// One measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Sockets that nobody speaks to.
    Idle,
    /// A room of 100, as fast as it goes.
    Room100,
    /// A room of 1,000, as fast as it goes.
    Room1000,
    /// A room of 100 in which twenty messages a second are said.
    Paced,
    /// Many rooms of ten, one speaker each, as fast as it goes.
    Rooms,
    /// Many messages to a room in which few listen.
    Sends,
    /// History, sync and search of a group with a long past, beside a young one.
    Reads,
}

/// How rooms are spoken in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talk {
    /// How many rooms.
    pub(crate) rooms: usize,
    /// How many members of each are on sockets.
    pub(crate) members: usize,
    /// How many of them speak.
    pub(crate) senders: usize,
    /// How fast.
    pub(crate) pace: Pace,
}

/// How fast one member speaks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many messages may be on their way: neither acknowledged nor yet heard by every member.
    Window(usize),
    /// A message at each such interval, whatever became of the last.
    Every(Duration),
}

/// What is aimed at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aim {
    /// The front process takes at most so many microseconds of CPU time per delivery.
    DeliveryCpu(f64),
    /// 99 of 100 deliveries come within so many milliseconds.
    P99(f64),
    /// So many messages a second at least are stored.
    SendRate(f64),
    /// Nothing; it is worth knowing.
    None,
}

impl Measure {
    /// In the order in which they are taken: idle sockets first, while the processes are fresh; the long past, which
    /// makes the tables grow, last.
    pub(crate) const ALL: [Self; 7] =
        [Self::Idle, Self::Room100, Self::Room1000, Self::Paced, Self::Rooms, Self::Sends, Self::Reads];

    /// How rooms are spoken in, where they are.
    pub(crate) fn talk(self, scale: Scale) -> Talk {
        match self {
            Self::Room100 => Talk { rooms: 1, members: 100, senders: 10, pace: Pace::Window(16) },
            Self::Room1000 => Talk { rooms: 1, members: scale.users, senders: 10, pace: Pace::Window(16) },
            // Ten speakers, two messages a second each.
            Self::Paced => Talk { rooms: 1, members: 100, senders: 10, pace: Pace::Every(Duration::from_millis(500)) },
            // A socket's requests are served one after the other: it takes many to keep the database busy.
            Self::Sends => Talk { rooms: 1, members: 32, senders: 32, pace: Pace::Window(4) },
            Self::Rooms | Self::Idle | Self::Reads => {
                Talk { rooms: scale.rooms, members: 10, senders: 1, pace: Pace::Window(4) }
            }
        }
    }

    /// By how much longer it is measured than others: twenty messages a second are few.
    pub(crate) fn patience(self) -> u32 {
        if self == Self::Paced { 3 } else { 1 }
    }

    /// What is aimed at.
    pub(crate) fn aim(self) -> Aim {
        match self {
            Self::Room100 | Self::Room1000 => Aim::DeliveryCpu(1.5),
            Self::Paced => Aim::P99(10.0),
            Self::Sends => Aim::SendRate(5000.0),
            Self::Idle | Self::Rooms | Self::Reads => Aim::None,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Idle => "idle sockets",
            Self::Room100 => "100 members, saturated",
            Self::Room1000 => "1,000 members, saturated",
            Self::Paced => "100 members, 20 messages/s",
            Self::Rooms => "100 rooms of 10, saturated",
            Self::Sends => "sends into one room",
            Self::Reads => "reads of a long past",
        })
    }
}
