//! A room of many members, half of them at each gateway, and what they are told. Judges nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chatroom_tests::{
    chat_client::{ChatClient, Frames, Known},
    client::try_send,
    people::{User, fresh_name, fresh_password, sign_in},
};
use futures::{StreamExt as _, stream};
use reqwest::Method;
use tokio::time::sleep;

use super::{
    talk::Said,
    verdict::{Message, last_place},
};
use crate::{
    rig::Rig,
    scene::{Scene, text},
};

/// How many register at once: more would only wait for the hashing of passwords, and be refused at last.
const HASHING: usize = 4;
/// How many do anything else at once.
const AT_ONCE: usize = 16;
/// How long everybody may take to hear everything before it is looked at what they have not heard.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// A member's client.
pub(super) type Client = Arc<ChatClient>;

/// A room and its members.
pub(super) struct Room {
    pub(super) group: String,
    pub(super) clients: Vec<Client>,
    gateways: Vec<String>,
    /// Who reads the history.
    reader: User,
    /// Where the sequence stood before anybody talked.
    pub(super) beginning: i64,
}

/// What a member was told until now.
pub(super) struct Told {
    pub(super) known: Known,
    pub(super) connections: usize,
    /// How many events were read, since they were not heard.
    pub(super) fetched: usize,
    /// What its server has done that it must not.
    pub(super) faults: Vec<String>,
}

impl Room {
    /// A room with so many members, all of whom are connected.
    pub(super) async fn open(rig: &Rig, members: usize) -> anyhow::Result<Self> {
        let scene = rig.scene().await?;
        let gateways = rig.gateways();
        let at = |number: usize| gateways[number % gateways.len()].clone();
        let people = stream::iter(0..members).map(|number| register(&scene, at(number)));
        let people: Vec<_> = people.buffered(HASHING).collect().await;
        let joins = stream::iter(&people).map(|user| scene.join(user));
        joins.buffer_unordered(AT_ONCE).for_each(async |joined| drop(joined.ok())).await;
        let frames = Arc::<Frames>::default();
        let clients = people.iter().enumerate().map(|(number, user)| {
            // Whose gateway is gone tries the next.
            let bases = (number..number + gateways.len()).map(at).collect();
            let token = user.client.token().unwrap_or_default();
            Arc::new(ChatClient::start_among(bases, token, frames.clone()))
        });
        let clients: Vec<_> = clients.collect();
        for client in &clients {
            client.connected(1).await;
        }
        let beginning = clients[0].seq(&scene.group);
        Ok(Self { group: scene.group, clients, gateways, reader: scene.owner, beginning })
    }

    /// Waits until everybody has heard what was said, or too long.
    pub(super) async fn has_heard(&self, said: &[Said]) {
        let (begun, head) = (Instant::now(), last_place(said));
        while begun.elapsed() < PATIENCE && self.clients.iter().any(|client| client.seq(&self.group) < head) {
            sleep(PAUSE).await;
        }
    }

    /// What everybody was told until now.
    pub(super) fn told(&self) -> Vec<Told> {
        let told = self.clients.iter().map(|client| Told {
            known: client.known(&self.group),
            connections: client.connections(),
            fetched: client.fetched(),
            faults: client.faults(),
        });
        told.collect()
    }

    /// What was said since people began to talk, as each gateway shows the history.
    pub(super) async fn histories(&self) -> anyhow::Result<Vec<Vec<Message>>> {
        let read = self.gateways.iter().map(|gateway| self.history(gateway));
        futures::future::try_join_all(read).await
    }

    async fn history(&self, gateway: &str) -> anyhow::Result<Vec<Message>> {
        let client = self.reader.client.on(gateway);
        let (mut messages, mut after) = (Vec::new(), self.beginning);
        loop {
            let path = format!("/h5/message?group={}&after={after}&limit=200", self.group);
            let answer = try_send(client.request(Method::GET, &path).timeout(PATIENCE)).await?;
            ensure!(answer.status.is_success(), "the history cannot be read: {answer:?}");
            let page = answer.data();
            for message in page["messages"].as_array().context("there are no messages")? {
                messages.push(Message::of(message));
            }
            match page["after"].as_i64() {
                Some(next) => after = next,
                None => return Ok(messages),
            }
        }
    }
}

async fn register(scene: &Scene, gateway: String) -> User {
    // One client for all of them: each of its own would cost more than the account.
    let client = scene.owner.client.on(gateway).anonymous().elsewhere();
    let (name, password) = (fresh_name("member"), fresh_password());
    client.register(&name, &password).await.ok();
    sign_in(&client, &name, &password).await
}

impl Message {
    /// Reads it as history and events show it.
    pub(super) fn of(message: &serde_json::Value) -> Self {
        Self {
            seq: message["seq"].as_i64().unwrap_or_default(),
            client_id: text(&message["clientId"]),
            words: text(&message["content"]["text"]),
        }
    }
}
