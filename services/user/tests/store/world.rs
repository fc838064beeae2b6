//! A store on either engine, and what the suites put into it.

use chatroom_kit::{
    fields::RequestId,
    testing::{FreshDatabase, opened},
};
use chatroom_user::{
    Store,
    domain::{NewAccount, Username},
};
use chrono::{DateTime, Utc};

/// A store, and the database it stands on.
pub(crate) struct Fresh {
    pub(crate) store: Store,
    pub(crate) database: FreshDatabase,
}

pub(crate) async fn open(database: FreshDatabase) -> Fresh {
    let store = opened(async || Store::open(&database.url, 8).await).await;
    Fresh { store, database }
}

pub(crate) fn noon() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_692_591_413_765).unwrap()
}

pub(crate) fn named(name: &str) -> Username {
    Username::parse(name).unwrap()
}

pub(crate) fn account(name: &str) -> NewAccount {
    NewAccount {
        username: named(name),
        password_hash: "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQM".into(),
        request_id: RequestId::parse("r-1").unwrap(),
    }
}
