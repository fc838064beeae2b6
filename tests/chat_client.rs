//! A client of the chat that loses nothing: it keeps a socket open, notices what it has missed, and reads it. This is how
//! a client resumes, as `gateway/PROTOCOL.md` describes it; scenarios, faults and benchmarks stand on it. What it does on
//! one socket is `session`'s, what it knows `known`'s.

mod frames;
mod known;
mod session;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rand::Rng as _;
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use self::session::{Gone, Session};
use crate::{process::PATIENCE, socket::Socket};

pub use frames::Frames;
pub use known::Known;

/// The shortest and the longest pause before the socket is opened anew; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How many requests may wait to be sent.
const WAITING: usize = 1024;

/// A client that resumes. Dropping it closes its socket.
#[derive(Debug)]
pub struct ChatClient {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

/// Where a client begins to know a group that it has never heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beginning {
    /// With the first event.
    First,
    /// With whatever comes next, as a page does that shows nothing older.
    Next,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    groups: HashMap<String, Known>,
    connections: usize,
    byes: usize,
    fetched: usize,
    faults: Vec<String>,
}

#[derive(Debug)]
struct Request {
    body: Value,
    answer: oneshot::Sender<Value>,
}

impl ChatClient {
    /// A client of the server at one of `bases`, which it tries in turn. It knows each group from its beginning.
    pub fn start(bases: Vec<String>, token: impl Into<String>) -> Self {
        Self::launch(bases, token.into(), Arc::default(), Beginning::First)
    }

    /// The same for one of many clients that are sent the same, which `frames` parses once for all of them. It knows each
    /// group from where that stands when the client first hears of it.
    pub fn start_among(bases: Vec<String>, token: impl Into<String>, frames: Arc<Frames>) -> Self {
        Self::launch(bases, token.into(), frames, Beginning::Next)
    }

    fn launch(bases: Vec<String>, token: String, frames: Arc<Frames>, beginning: Beginning) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let shared = Arc::<Shared>::default();
        let connection =
            Connection { bases, token, frames, beginning, shared: shared.clone(), waiting, unanswered: None };
        Self { shared, requests, task: tokio::spawn(connection.run()) }
    }

    /// What it knows of a group.
    pub fn known(&self, group: &str) -> Known {
        self.shared.state().groups.get(group).cloned().unwrap_or_default()
    }

    /// The last place that it knows of a group.
    pub fn seq(&self, group: &str) -> i64 {
        self.shared.state().groups.get(group).map_or(0, Known::seq)
    }

    /// How often it has been connected.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// How often the server has said that it goes away.
    pub fn byes(&self) -> usize {
        self.shared.state().byes
    }

    /// How many events it has read, since it had not heard them.
    pub fn fetched(&self) -> usize {
        self.shared.state().fetched
    }

    /// What the server has done that it must not.
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// Waits until it knows a group up to a place.
    pub async fn knows(&self, group: &str, seq: i64) -> Known {
        self.wait_for(|client| (client.seq(group) >= seq).then(|| client.known(group))).await
    }

    /// Waits until it knows that these words were said in a group.
    pub async fn knows_of(&self, group: &str, words: &str) -> Known {
        self.wait_for(|client| Some(client.known(group)).filter(|known| known.words().iter().any(|said| said == words)))
            .await
    }

    /// Waits until it has been connected so many times.
    pub async fn connected(&self, times: usize) {
        self.wait_for(|client| (client.connections() >= times).then_some(())).await;
    }

    async fn wait_for<T>(&self, seen: impl Fn(&Self) -> Option<T>) -> T {
        let waited = timeout(2 * PATIENCE, async {
            loop {
                let changed = self.shared.changed.notified();
                if let Some(value) = seen(self) {
                    return value;
                }
                let _ = timeout(Duration::from_millis(100), changed).await;
            }
        });
        waited.await.expect("the client comes to know in time")
    }

    /// Sends a text under `client_id`, as often as it takes, and answers the server's answer.
    pub async fn say(&self, group: &str, client_id: &str, words: &str) -> Value {
        let content = json!({"text": words});
        self.request(json!({"type": "send", "group": group, "clientId": client_id, "kind": "text", "content": content}))
            .await
    }

    /// Makes a request that may be repeated, as often as it takes until it is served or refused for good.
    pub async fn request(&self, body: Value) -> Value {
        let (answer, answered) = oneshot::channel();
        self.requests.send(Request { body, answer }).await.expect("the client's task lives");
        answered.await.expect("the client's task lives")
    }
}

impl Drop for ChatClient {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Connection {
    bases: Vec<String>,
    token: String,
    frames: Arc<Frames>,
    beginning: Beginning,
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Request>,
    /// A request that was not answered yet: it is sent again on the next socket.
    unanswered: Option<Request>,
}

impl Connection {
    /// Keeps a socket open.
    async fn run(mut self) {
        let mut pause = PAUSES.0;
        for turn in 0.. {
            let begun = Instant::now();
            let base = self.bases[turn % self.bases.len()].clone();
            if let Ok(socket) = Socket::open(&base, &[]).await {
                let Err(Gone) = Session::new(&mut self, socket).serve().await;
            }
            // One that was good for a while is no reason to wait long.
            pause = if begun.elapsed() > PAUSES.1 { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            let jitter = rand::rng().random_range(0.5..1.0);
            sleep(pause.mul_f64(jitter)).await;
        }
    }
}
