//! What one busy room costs (`cargo bench -p chatroom-group`): how many messages a second are stored and acknowledged
//! while many members speak at once, how long reading takes where a million were said before, and what 100,000 unwanted
//! words cost each message. On each engine;
//! PostgreSQL is the server that `CHATROOM_TEST_POSTGRES_URL` names. `ROOM_SENDERS`, `ROOM_SECONDS` and `ROOM_MESSAGES`
//! change how much is done.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on says nothing")]

mod filter;
mod history;
mod sending;
mod usage;

use std::{env, str::FromStr};

use chatroom_group::{
    Store,
    domain::{ClientId, Content, Draft, Mentions, NewGroup, Role, Sender},
};
use chatroom_kit::{
    clock::Clock,
    fields::{DisplayName, Icon},
    ids::{GroupId, MerchantId, UserId},
    testing::{self, FreshDatabase},
};

#[tokio::main]
async fn main() {
    filter::measure();
    let server = env::var("CHATROOM_TEST_POSTGRES_URL");
    measure("SQLite", testing::sqlite()).await;
    if server.is_ok() {
        measure("PostgreSQL", testing::postgres().await).await;
    }
}

async fn measure(engine: &str, database: FreshDatabase) {
    let store = Store::open(&database.url, 16).await.unwrap();
    sending::measure(engine, &store, setting("ROOM_SENDERS", 256), setting("ROOM_SECONDS", 10)).await;
    history::measure(engine, &store, &database, setting("ROOM_MESSAGES", 100_000)).await;
}

fn setting<T: FromStr>(name: &str, usual: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// A new group with this many members.
async fn group(store: &Store, members: usize) -> (GroupId, Vec<UserId>) {
    let new = NewGroup {
        user: UserId::new(),
        merchant: MerchantId::new(),
        name: DisplayName::parse("name", "小黑子的世界").unwrap(),
        icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
        request_id: None,
    };
    let group = store.create_group(&new, Clock::system().now()).await.unwrap().id;
    let mut users = vec![new.user];
    while users.len() < members {
        let user = UserId::new();
        store.join(group, user, Role::Member, Clock::system().now()).await.unwrap();
        users.push(user);
    }
    (group, users)
}

/// About 100 bytes, none like another.
fn words(number: usize) -> String {
    format!("第{number}条消息：今天天气真好，我们一起去公园散步吧，记得带上雨伞和水。")
}

fn draft(sender: UserId, number: usize) -> Draft {
    Draft {
        sender: Sender::User(sender),
        client_id: ClientId::parse(&number.to_string()).unwrap(),
        content: Content::text(&words(number)).unwrap(),
        reply_to: None,
        mentions: Mentions::default(),
    }
}
