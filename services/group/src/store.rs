//! The group service's database. Each file below owns the SQL of one concern.

mod blank;
mod block;
mod contact;
mod conversation;
mod erase;
mod event;
mod group;
mod history;
mod insert;
mod locked;
mod member;
mod message;
mod order;
mod read;
mod report;
mod retention;
mod row;
mod search;
mod send;
mod succession;
mod upload;
mod watch;
mod webhook;
mod words;

use chatroom_kit::db::{Db, Pulse};
use chrono::TimeDelta;

use crate::domain::Event;

pub use contact::Opened;
pub use read::Read;
pub use retention::Retained;
pub use search::Found;
pub use send::{Batch, Sent};
pub use upload::Discarded;
pub use watch::{Watched, WatchedGroup};

/// How long a request can be repeated.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// The group service's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
}

/// What a change answers, and the event it left in the group's sequence; none where there was nothing to change.
#[derive(Clone, Debug)]
pub struct Changed<T> {
    /// The answer.
    pub value: T,
    /// The event.
    pub event: Option<Event>,
}

impl Store {
    /// Opens the database at `url` and brings it up to date.
    pub async fn open(url: &str, connections: u32) -> anyhow::Result<Self> {
        let db = Db::open(url, connections, &chatroom_kit::migrations!()).await?;
        Ok(Self { db })
    }

    /// Makes sure that what was erased is not to be found beside the database any more.
    pub async fn wipe(&self) {
        self.db.wipe().await;
    }

    /// Whether the database still answers, where it is a server.
    pub(crate) fn pulse(&self) -> Option<Pulse> {
        self.db.pulse()
    }
}
