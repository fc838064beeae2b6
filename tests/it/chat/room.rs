//! A group chat and the people in it, and what they do: said shortly, so that a scenario reads as a story.

use chatroom_tests::client::Answer;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::world::{User, World, fresh_name};

/// A group chat of somebody's page.
pub(crate) struct Room {
    pub(crate) owner: User,
    /// The page's id.
    pub(crate) page: Value,
    /// The group's id.
    pub(crate) group: String,
}

impl Room {
    /// A group chat with nobody but its owner in it.
    pub(crate) async fn new(world: &World) -> Self {
        let owner = world.user().await;
        let page = world.page(&owner).await;
        Self::on(world, owner, &page).await
    }

    /// A group chat on a page of `owner`'s.
    pub(crate) async fn on(world: &World, owner: User, page: &Value) -> Self {
        let group = world.group(&owner, page).await;
        Self { owner, page: page["_id"].clone(), group: text(&group["_id"]) }
    }

    /// A new user who has joined the page, but not the group.
    pub(crate) async fn guest(&self, world: &World) -> User {
        let user = world.user().await;
        user.client.post("/h5/merchant", &json!({"merchant": self.page})).await.ok();
        user
    }

    /// A new member.
    pub(crate) async fn member(&self, world: &World) -> User {
        let user = self.guest(world).await;
        self.join(&user).await.ok();
        user
    }

    /// A new member whom the owner has made an admin.
    pub(crate) async fn admin(&self, world: &World) -> User {
        let user = self.member(world).await;
        self.act(&self.owner, "admin", &json!({"user": user.id, "admin": true})).await.ok();
        user
    }

    pub(crate) async fn join(&self, user: &User) -> Answer {
        user.client.post("/h5/group/join", &json!({"group": self.group})).await
    }

    /// Posts `body`, with the group in it, to `/h5/group/<what>`.
    pub(crate) async fn act(&self, user: &User, what: &str, body: &Value) -> Answer {
        let mut body = body.clone();
        body["group"] = json!(self.group);
        user.client.post(&format!("/h5/group/{what}"), &body).await
    }

    /// Sends a text, and answers the message.
    pub(crate) async fn say(&self, user: &User, words: &str) -> Value {
        self.send(user, &self.text(words)).await.ok().data()
    }

    /// Sends whatever `body` says.
    pub(crate) async fn send(&self, user: &User, body: &Value) -> Answer {
        user.client.post("/h5/message", body).await
    }

    /// The body that sends a text.
    pub(crate) fn text(&self, words: &str) -> Value {
        json!({"group": self.group, "clientId": fresh_name("message"), "kind": "text", "content": {"text": words}})
    }

    /// The group's history, as `query` asks for it.
    pub(crate) async fn history(&self, user: &User, query: &str) -> Value {
        user.client.get(&format!("/h5/message?group={}&{query}", self.group)).await.ok().data()
    }

    /// The events after a place in the sequence.
    pub(crate) async fn events(&self, user: &User, after: i64) -> Vec<Value> {
        let path = format!("/h5/message/sync?group={}&after={after}", self.group);
        rows(&user.client.get(&path).await.ok().data()["events"])
    }

    /// The conversation as it stands in the user's list.
    pub(crate) async fn conversation(&self, user: &User) -> Value {
        let listed = user.client.get("/h5/conversation").await.ok().data();
        let mut conversations = rows(&listed["conversations"]).into_iter();
        conversations.find(|conversation| conversation["group"]["_id"] == self.group).expect("the group is listed")
    }
}

/// Posts `body` to `path`.
pub(crate) async fn post(user: &User, path: &str, body: Value) -> Answer {
    user.client.post(path, &body).await
}

/// What a text says.
pub(crate) fn words(message: &Value) -> &str {
    message["content"]["text"].as_str().unwrap_or_else(|| panic!("no words: {message}"))
}

/// The items of an array.
pub(crate) fn rows(array: &Value) -> Vec<Value> {
    array.as_array().unwrap_or_else(|| panic!("no array: {array}")).clone()
}

/// A text.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// A place in a sequence.
pub(crate) fn seq(value: &Value) -> i64 {
    value["seq"].as_i64().unwrap_or_else(|| panic!("no place: {value}"))
}

/// Asserts a refusal.
pub(crate) fn assert_refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(
        (answer.status, answer.reason().as_str()),
        (StatusCode::from_u16(status).unwrap(), reason),
        "{answer:?}"
    );
}
