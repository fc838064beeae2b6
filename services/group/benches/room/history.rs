//! Reading a room in which much has been said, beside one in which little has.

use std::time::{Duration, Instant};

use chatroom_group::{
    Store,
    domain::{Page, Query},
};
use chatroom_kit::{
    clock::Clock,
    ids::{GroupId, UserId},
    testing::FreshDatabase,
};
use sqlx::{Connection as _, PgConnection};

use crate::{draft, group};

/// What is said in the small room.
const FEW: usize = 100;
/// How many messages are stored at once.
const AT_ONCE: usize = 256;
/// How often each is read.
const ROUNDS: usize = 200;

pub(crate) async fn measure(engine: &str, store: &Store, database: &FreshDatabase, messages: usize) {
    for messages in [FEW, messages] {
        let (group, users) = group(store, 20).await;
        fill(store, group, &users, messages).await;
        analyze(database).await;
        let last = timed(async || drop(store.messages(group, Page::Last, 50).await.unwrap())).await;
        let middle = i64::try_from(messages / 2).unwrap();
        let middle = timed(async || drop(store.messages(group, Page::Before(middle), 50).await.unwrap())).await;
        let conversation = timed(async || drop(store.conversation(group, users[1]).await.unwrap())).await;
        let rare = Query::parse(group, &format!("第{}条", messages / 2)).unwrap();
        let rare = timed(async || drop(store.search(group, &rare, None, 50).await.unwrap())).await;
        let frequent = Query::parse(group, "天气").unwrap();
        let frequent = timed(async || drop(store.search(group, &frequent, None, 50).await.unwrap())).await;
        println!(
            "{engine}: of {messages} messages: last page {last}, a page in the middle {middle}, unread {conversation}, \
             search for a rare word {rare}, for one in every message {frequent}"
        );
    }
}

async fn fill(store: &Store, group: GroupId, users: &[UserId], messages: usize) {
    for first in (0..messages).step_by(AT_ONCE) {
        let drafts: Vec<_> =
            (first..messages.min(first + AT_ONCE)).map(|number| draft(users[number % users.len()], number)).collect();
        store.send(group, &drafts, Clock::system().now()).await.unwrap();
    }
}

/// What autovacuum does within a minute.
async fn analyze(database: &FreshDatabase) {
    if database.url.starts_with("postgres") {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query("analyze").execute(&mut connection).await.unwrap();
    }
}

/// The median, of as many rounds as fit into a few seconds.
async fn timed(work: impl AsyncFn()) -> String {
    let (begun, mut rounds) = (Instant::now(), Vec::new());
    while rounds.len() < ROUNDS && begun.elapsed() < Duration::from_secs(5) {
        let begun = Instant::now();
        work().await;
        rounds.push(begun.elapsed());
    }
    rounds.sort();
    format!("{:.2} ms", rounds[rounds.len() / 2].as_secs_f64() * 1e3)
}
