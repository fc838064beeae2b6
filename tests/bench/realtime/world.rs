//! Who is there before anything is measured: users in one merchant page, and rooms that are opened on it for a measure.
//! Everything is made through the public interface.

use std::net::SocketAddr;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::{
    request,
    seed::{self, CONNECTIONS, User},
};

/// The users and their page.
pub(crate) struct World {
    /// Who opens the rooms, and never connects.
    owner: User,
    /// Everyone else.
    pub(crate) users: Vec<User>,
    page: String,
}

/// A group and those of its members who connect.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    /// The group's id.
    pub(crate) group: String,
    /// A token of each member.
    pub(crate) tokens: Vec<String>,
}

impl World {
    /// Registers so many users, signs them in, and lets them join a page.
    pub(crate) async fn make(address: SocketAddr, users: usize) -> anyhow::Result<Self> {
        let mut users = seed::register(address, users + 1).await.context("users cannot be made")?;
        let owner = users.pop().context("there is nobody")?;
        let page = json!({
            "activationCode": "realtime",
            "name": "小蓝的商页",
            "icon": "https://img.example.com/2023/08/21/59024.jpg",
            "customer": owner.id,
        });
        let opened = ask(address, vec![post("/h5/merchant/createMerchant", &owner.token, &page)]).await?;
        let page = seed::text(&opened[0][0]["_id"])?;
        let join = json!({"merchant": page});
        ask(address, users.iter().map(|user| post("/h5/merchant", &user.token, &join)).collect()).await?;
        Ok(Self { owner, users, page })
    }

    /// A token of whoever opened the page.
    pub(crate) fn owner_token(&self) -> &str {
        &self.owner.token
    }

    /// The page's id.
    pub(crate) fn page(&self) -> &str {
        &self.page
    }

    /// Opens so many groups with so many members each. Nobody is in two of them, as long as there are users enough.
    pub(crate) async fn open_rooms(
        &self,
        address: SocketAddr,
        rooms: usize,
        members: usize,
    ) -> anyhow::Result<Vec<Room>> {
        let group = json!({
            "merchant": self.page,
            "name": "小黑子的世界",
            "icon": "https://img.example.com/2023/08/21/59024.jpg",
        });
        let opened = ask(address, (0..rooms).map(|_| post("/h5/group", &self.owner.token, &group)).collect()).await?;
        let mut everyone = self.users.iter().cycle();
        let (mut all, mut joins) = (Vec::new(), Vec::new());
        for group in &opened {
            let group = seed::text(&group["_id"])?;
            let tokens: Vec<_> = everyone.by_ref().take(members).map(|user| user.token.clone()).collect();
            joins.extend(tokens.iter().map(|token| post("/h5/group/join", token, &json!({"group": group}))));
            all.push(Room { group, tokens });
        }
        ask(address, joins).await.context("groups cannot be joined")?;
        Ok(all)
    }
}

impl Room {
    /// Has its members say so many things, each something else.
    pub(crate) async fn say(&self, address: SocketAddr, texts: impl Iterator<Item = String>) -> anyhow::Result<()> {
        let message = |(number, text): (usize, String)| {
            let client_id = format!("said-{number}");
            let body = json!({"group": self.group, "clientId": client_id, "kind": "text", "content": {"text": text}});
            post("/h5/message", &self.tokens[number % self.tokens.len()], &body)
        };
        ask(address, texts.enumerate().map(message).collect()).await.context("nothing can be said")?;
        Ok(())
    }
}

fn post(path: &str, token: &str, body: &Value) -> Vec<u8> {
    let mut head = Vec::new();
    request::post(&mut head, path, token, &body.to_string());
    head
}

async fn ask(address: SocketAddr, requests: Vec<Vec<u8>>) -> anyhow::Result<Vec<Value>> {
    seed::ask_all(address, CONNECTIONS, requests).await
}
