//! People who write all kinds of records at once, each noting what came of it, and the reading of what is there in the
//! end. Judges nothing; that is `history`'s.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use chatroom_tests::{
    Client,
    client::{Answer, try_send},
    people::{ICON, User, fresh_name, fresh_password, page_request, picture},
};
use futures::{StreamExt as _, stream};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    history::{Found, History, Kind, Outcome},
    scene::{self, Scene, message, text},
};

/// How long an answer is waited for before nobody knows.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a writer waits after each write: what is written has to be read again in the end.
const PAUSE: Duration = Duration::from_millis(50);
/// How large the files are.
const FILE_SIZE: usize = 50_000;
/// How many questions are asked at once in the end.
const AT_ONCE: usize = 8;

/// Everybody who writes.
pub(crate) struct Writers {
    stop: CancellationToken,
    tasks: JoinSet<()>,
    shared: Arc<Shared>,
}

/// What the writers share.
struct Shared {
    scene: Scene,
    gateways: Vec<String>,
    noted: Mutex<Noted>,
}

/// What the writers have noted.
#[derive(Default)]
struct Noted {
    history: History,
    /// The paths of acknowledged files, and what was uploaded.
    files: Vec<(String, String)>,
    /// The pages that were acknowledged, by their ids, for the one who joins them.
    pages: Vec<String>,
    /// The passwords of the accounts.
    passwords: Vec<(String, String)>,
    /// Answers that are neither a success nor say that something is away.
    odd: Vec<String>,
}

/// What was written, to be compared with what is there.
pub(crate) struct Written {
    /// What was asked for.
    pub(crate) history: History,
    /// What is there.
    pub(crate) found: Found,
    /// Answers that make no sense.
    pub(crate) odd: Vec<String>,
}

impl Writers {
    /// Starts a writer of each kind, at each gateway in turn.
    pub(crate) fn start(scene: &Scene, gateways: Vec<String>) -> Self {
        let shared = Arc::new(Shared { scene: scene.clone(), gateways, noted: Mutex::default() });
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            tasks.spawn(write(shared.clone(), kind, number, stop.clone()));
        }
        Self { stop, tasks, shared }
    }

    /// Stops writing, and reads what is there.
    pub(crate) async fn end(mut self) -> anyhow::Result<Written> {
        self.stop.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            ended?;
        }
        let noted = std::mem::take(&mut *self.shared.noted());
        let mut found = Found::default();
        self.shared.find(&noted, &mut found).await?;
        let mut history = noted.history;
        // The page and the group that were there before.
        history.note(Kind::Join, &self.shared.scene.page, Outcome::Acknowledged);
        Ok(Written { history, found, odd: noted.odd })
    }
}

async fn write(shared: Arc<Shared>, kind: Kind, number: usize, stop: CancellationToken) {
    for turn in number.. {
        if stop.is_cancelled() {
            return;
        }
        // Each goes on where the last one failed: half of what is written passes each gateway.
        let base = &shared.gateways[turn % shared.gateways.len()];
        shared.write_one(kind, base).await;
        sleep(PAUSE).await;
    }
}

impl Shared {
    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write_one(&self, kind: Kind, base: &str) {
        let Scene { owner, member, page, group, .. } = &self.scene;
        let name = fresh_name("written");
        let post = |user: &User, path: &str, body: Value| user.client.on(base).request(Method::POST, path).json(&body);
        let (name, request) = match kind {
            Kind::Account => {
                let password = fresh_password();
                self.noted().passwords.push((name.clone(), password.clone()));
                let body = json!({"username": name, "password": password});
                (name, Client::new(base).request(Method::POST, "/h5/user/reg").json(&body))
            }
            Kind::Page => {
                let mut body = page_request(&owner.id);
                body["name"] = json!(name);
                (name, post(owner, "/h5/merchant/createMerchant", body))
            }
            Kind::Join => {
                let Some(page) = self.noted().pages.pop() else {
                    return;
                };
                (page.clone(), post(member, "/h5/merchant", json!({"merchant": page})))
            }
            Kind::Group => {
                let body = json!({"merchant": page, "name": name, "icon": ICON});
                (name, post(owner, "/h5/group", body))
            }
            Kind::Message => {
                let body = message(group, &name);
                (name, post(member, "/h5/message", body))
            }
            Kind::File => {
                let mut bytes = picture(FILE_SIZE);
                bytes.extend_from_slice(name.as_bytes());
                (name, scene::upload(&owner.client.on(base), bytes))
            }
        };
        self.note(kind, name, try_send(request.timeout(PATIENCE)).await);
    }

    fn note(&self, kind: Kind, name: String, answer: reqwest::Result<Answer>) {
        let mut noted = self.noted();
        let outcome = match answer {
            Ok(answer) if answer.status == StatusCode::OK => {
                let data = answer.data();
                match kind {
                    Kind::Page => noted.pages.push(text(&data[0]["_id"])),
                    Kind::File => noted.files.push((text(&data), name.clone())),
                    _ => {}
                }
                Outcome::Acknowledged
            }
            Ok(answer) => {
                if !answer.status.is_server_error() {
                    noted.odd.push(format!("{kind:?} {name}: {} {}", answer.status, answer.text));
                }
                Outcome::Unknown
            }
            Err(_) => Outcome::Unknown,
        };
        noted.history.note(kind, name, outcome);
    }

    async fn find(&self, noted: &Noted, found: &mut Found) -> anyhow::Result<()> {
        let Scene { owner, member, page, .. } = &self.scene;
        let name = |row: &Value| text(&row["merchant"]["name"]);
        let pages = rows(get(&owner.client, "/h5/merchant").await?)?;
        // The first is the page that the groups are on.
        found.add(Kind::Page, pages.iter().skip(1).map(name));
        let joins = rows(get(&member.client, "/h5/merchant").await?)?;
        found.add(Kind::Join, joins.iter().map(|row| text(&row["merchant"]["_id"])));
        let body = json!({"merchant": page});
        let groups = rows(send(owner.client.request(Method::POST, "/h5/group/getGroup").json(&body)).await?)?;
        let groups = groups.iter().filter(|group| group["_id"] != self.scene.group);
        found.add(Kind::Group, groups.map(|group| text(&group["name"])));
        found.add(Kind::Message, self.messages().await?);
        found.add(Kind::File, self.files(noted).await?);
        found.add(Kind::Account, self.accounts(noted).await?);
        Ok(())
    }

    /// What was said in the group, which also has to be there without a hole.
    async fn messages(&self) -> anyhow::Result<Vec<String>> {
        let Scene { member, group, .. } = &self.scene;
        let (mut said, mut place) = (Vec::new(), 0_i64);
        loop {
            let path = format!("/h5/message/sync?group={group}&after={place}&limit=500");
            let part = get(&member.client, &path).await?;
            for event in part["events"].as_array().context("there are no events")? {
                place += 1;
                anyhow::ensure!(event["seq"] == place, "there is a hole before {event}");
                // Joining is an event without words, and so are what the idempotent readers say: no concern of this.
                let words = text(&event["message"]["content"]["text"]);
                said.extend(words.starts_with("written").then_some(words));
            }
            if part["more"] == false {
                return Ok(said);
            }
        }
    }

    async fn files(&self, noted: &Noted) -> anyhow::Result<Vec<String>> {
        let client = &self.scene.owner.client;
        let read = stream::iter(&noted.files).map(|(path, name)| async move {
            let answer = client.request(Method::GET, path).timeout(PATIENCE).send().await?;
            let mut whole = picture(FILE_SIZE);
            whole.extend_from_slice(name.as_bytes());
            anyhow::Ok((answer.bytes().await? == whole).then(|| name.clone()))
        });
        let read: Vec<_> = read.buffer_unordered(AT_ONCE).collect().await;
        read.into_iter().filter_map(Result::transpose).collect()
    }

    async fn accounts(&self, noted: &Noted) -> anyhow::Result<Vec<String>> {
        let base = &self.gateways[0];
        let signed_in = stream::iter(&noted.passwords).map(|(name, password)| async move {
            let body = json!({"username": name, "password": password});
            let request = Client::new(base).request(Method::POST, "/h5/user/login").json(&body);
            let answer = try_send(request.timeout(PATIENCE)).await?;
            anyhow::ensure!(!answer.status.is_server_error(), "signing in fails: {answer:?}");
            anyhow::Ok(answer.status.is_success().then(|| name.clone()))
        });
        let signed_in: Vec<_> = signed_in.buffer_unordered(AT_ONCE).collect().await;
        signed_in.into_iter().filter_map(Result::transpose).collect()
    }
}

async fn get(client: &Client, path: &str) -> anyhow::Result<Value> {
    send(client.request(Method::GET, path)).await
}

/// The `data` of an answer that has to be a success.
async fn send(request: RequestBuilder) -> anyhow::Result<Value> {
    let answer = try_send(request.timeout(PATIENCE)).await?;
    anyhow::ensure!(answer.status.is_success(), "what was written cannot be read: {answer:?}");
    Ok(answer.data())
}

fn rows(array: Value) -> anyhow::Result<Vec<Value>> {
    match array {
        Value::Array(rows) => Ok(rows),
        other => anyhow::bail!("no rows: {other}"),
    }
}
