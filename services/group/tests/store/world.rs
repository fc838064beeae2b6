//! A fresh store and the people in it.

use chatroom_group::{
    Store,
    domain::{ClientId, Content, Draft, Event, Mentions, Message, NewGroup, Refusal, Role, Sender},
    store::Sent,
};
use chatroom_kit::{
    fields::{DisplayName, Icon},
    ids::{GroupId, MerchantId, UserId},
    testing::{FreshDatabase, opened},
};
use chrono::{DateTime, Utc};
use tonic::Status;

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
    DateTime::from_timestamp_millis(1_692_603_184_305).unwrap()
}

pub(crate) fn text(sender: UserId, client_id: &str, text: &str) -> Draft {
    Draft {
        sender: Sender::User(sender),
        client_id: ClientId::parse(client_id).unwrap(),
        content: Content::text(text).unwrap(),
        reply_to: None,
        mentions: Mentions::default(),
    }
}

/// The reason that a client is given.
pub(crate) fn reason(error: chatroom_group::Error) -> String {
    chatroom_kit::error::reason_of(&Status::from(error)).unwrap().reason
}

impl Fresh {
    /// The same database as another replica has it open.
    pub(crate) async fn replica(&self) -> Store {
        opened(async || Store::open(&self.database.url, 8).await).await
    }

    /// A new group and its owner.
    pub(crate) async fn group(&self) -> (GroupId, UserId) {
        let new = NewGroup {
            user: UserId::new(),
            merchant: MerchantId::new(),
            name: DisplayName::parse("name", "小黑子的世界").unwrap(),
            icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
            request_id: None,
        };
        (self.store.create_group(&new, noon()).await.unwrap().id, new.user)
    }

    /// Someone who joins a group.
    pub(crate) async fn member(&self, group: GroupId, role: Role) -> UserId {
        let user = UserId::new();
        self.store.join(group, user, role, noon()).await.unwrap();
        user
    }

    /// Sends one draft.
    pub(crate) async fn send(&self, group: GroupId, draft: Draft) -> Result<Sent, Refusal> {
        let mut batch = self.store.send(group, &[draft], noon()).await.unwrap();
        assert_eq!(batch.outcomes.len(), 1);
        batch.outcomes.remove(0)
    }

    /// Says something that is not refused.
    pub(crate) async fn say(&self, group: GroupId, sender: UserId, client_id: &str, words: &str) -> Message {
        self.send(group, text(sender, client_id, words)).await.unwrap().message
    }

    /// Every event of a group.
    pub(crate) async fn events(&self, group: GroupId) -> Vec<Event> {
        let epoch = self.store.access(group, UserId::new()).await.unwrap().unwrap().epoch;
        self.store.events(group, &epoch, 0, 1_000_000).await.unwrap()
    }

    /// The places of every event of a group.
    pub(crate) async fn places(&self, group: GroupId) -> Vec<i64> {
        self.events(group).await.iter().map(|event| event.seq).collect()
    }
}
