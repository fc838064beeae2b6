//! Accounts in the database. Owns their SQL.

mod account;
mod admin;
mod change;
mod deed;
mod deletion;
mod name;
mod profile;
mod row;
mod session;

use chatroom_kit::db::{Db, Pulse};

/// The user service's database.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    salt: name::Salt,
}

impl Store {
    /// Opens the database at `url` and brings it up to date.
    pub async fn open(url: &str, connections: u32) -> anyhow::Result<Self> {
        let db = Db::open(url, connections, &chatroom_kit::migrations!()).await?;
        let salt = name::Salt::read(&db).await?;
        Ok(Self { db, salt })
    }

    /// Whether the database still answers, where it is a server.
    pub(crate) fn pulse(&self) -> Option<Pulse> {
        self.db.pulse()
    }
}
