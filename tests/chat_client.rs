//! A client of the chat that loses nothing: it keeps a socket open, notices what it has missed, and reads it. This is how
//! a client resumes, as `gateway/PROTOCOL.md` describes it; scenarios, faults and benchmarks stand on it.

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

use crate::{
    process::PATIENCE,
    socket::{Coming, Socket},
};

/// The shortest and the longest pause before the socket is opened anew; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long an answer is waited for before the socket is given up.
const ANSWER: Duration = Duration::from_secs(12);
/// How many requests may wait to be sent.
const WAITING: usize = 1024;

/// A client that resumes. Dropping it closes its socket.
#[derive(Debug)]
pub struct ChatClient {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
    task: JoinHandle<()>,
}

/// What a client knows of a group: everything up to a place in its sequence, each event once.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The epoch in which the places count.
    pub epoch: String,
    /// The events, in order, from the first one on.
    pub events: Vec<Value>,
    /// How often all of it was dropped, since the epoch was another one.
    pub dropped: usize,
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
    faults: Vec<String>,
}

#[derive(Debug)]
struct Request {
    body: Value,
    answer: oneshot::Sender<Value>,
}

impl Known {
    /// The last place that is known.
    pub fn seq(&self) -> i64 {
        self.events.len().try_into().unwrap_or(i64::MAX)
    }

    /// The places of the events, in the order in which they were applied: 1, 2, 3 … where all is well.
    pub fn places(&self) -> Vec<i64> {
        self.events.iter().filter_map(|event| event["seq"].as_i64()).collect()
    }

    /// What was said, in order.
    pub fn words(&self) -> Vec<String> {
        let texts = self.events.iter().filter_map(|event| event["message"]["content"]["text"].as_str());
        texts.map(str::to_owned).collect()
    }
}

impl ChatClient {
    /// A client of the server at one of `bases`, which it tries in turn.
    pub fn start(bases: Vec<String>, token: impl Into<String>) -> Self {
        let (requests, waiting) = mpsc::channel(WAITING);
        let shared = Arc::<Shared>::default();
        let connection = Connection { bases, token: token.into(), shared: shared.clone(), waiting, unanswered: None };
        Self { shared, requests, task: tokio::spawn(connection.run()) }
    }

    /// What it knows of a group.
    pub fn known(&self, group: &str) -> Known {
        self.shared.state().groups.get(group).cloned().unwrap_or_default()
    }

    /// How often it has been connected.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }

    /// How often the server has said that it goes away.
    pub fn byes(&self) -> usize {
        self.shared.state().byes
    }

    /// What the server has done that it must not.
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// Waits until it knows a group up to a place.
    pub async fn knows(&self, group: &str, seq: i64) -> Known {
        self.wait_for(|client| (client.known(group).seq() >= seq).then(|| client.known(group))).await
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

/// The socket is gone.
struct Gone;

struct Connection {
    bases: Vec<String>,
    token: String,
    shared: Arc<Shared>,
    waiting: mpsc::Receiver<Request>,
    /// A request that was sent and not answered: it is sent again on the next socket.
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
                let Err(Gone) = self.serve(socket).await;
            }
            // One that was good for a while is no reason to wait long.
            pause = if begun.elapsed() > PAUSES.1 { PAUSES.0 } else { (pause * 2).min(PAUSES.1) };
            let jitter = rand::rng().random_range(0.5..1.0);
            sleep(pause.mul_f64(jitter)).await;
        }
    }

    /// Signs in, reads what was missed, and then hears and asks until the socket is gone.
    async fn serve(&mut self, mut socket: Socket) -> Result<std::convert::Infallible, Gone> {
        let connected = self.ask(&mut socket, &json!({"type": "connect", "token": self.token})).await?;
        if connected["type"] != "connected" {
            return Err(Gone);
        }
        for standing in connected["groups"].as_array().into_iter().flatten() {
            self.compare(&mut socket, standing).await?;
        }
        self.shared.state().connections += 1;
        self.shared.changed.notify_waiters();
        loop {
            if self.unanswered.is_some() {
                self.ask_again(&mut socket).await?;
                continue;
            }
            tokio::select! {
                coming = socket.coming_within(2 * PATIENCE) => self.hear(&mut socket, coming).await?,
                Some(request) = self.waiting.recv() => self.unanswered = Some(request),
            }
        }
    }

    /// Makes the request that is waiting; one that is refused for now stays waiting.
    async fn ask_again(&mut self, socket: &mut Socket) -> Result<(), Gone> {
        let Some(body) = self.unanswered.as_ref().map(|request| request.body.clone()) else {
            return Ok(());
        };
        let answer = self.ask(socket, &body).await?;
        let later = matches!(answer["code"].as_u64(), Some(429 | 500..));
        if later {
            sleep(Duration::from_millis(answer["retryMs"].as_u64().unwrap_or(100).min(1000))).await;
        } else if let Some(request) = self.unanswered.take() {
            // Whoever asked may have stopped waiting.
            let _ = request.answer.send(answer);
        }
        Ok(())
    }

    /// Sends a request and waits for its answer, hearing what comes in between.
    async fn ask(&mut self, socket: &mut Socket, body: &Value) -> Result<Value, Gone> {
        let id = json!(socket.fresh_id());
        let mut request = body.clone();
        request["id"] = id.clone();
        socket.send(&request).await;
        let deadline = Instant::now() + ANSWER;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match socket.coming_within(left).await {
                Some(Coming::Frame(frame)) if frame["id"] == id => return Ok(frame),
                // Boxed, since hearing may ask in turn.
                coming => Box::pin(self.hear(socket, coming)).await?,
            }
        }
    }

    async fn hear(&mut self, socket: &mut Socket, coming: Option<Coming>) -> Result<(), Gone> {
        let Some(Coming::Frame(frame)) = coming else {
            return Err(Gone);
        };
        match frame["type"].as_str() {
            Some("event") => self.take(socket, frame).await?,
            Some("ping") => {
                socket.send(&json!({"type": "pong"})).await;
                for (group, head) in frame["heads"].as_object().cloned().unwrap_or_default() {
                    self.catch_up(socket, &group, head.as_i64().unwrap_or(0)).await?;
                }
            }
            Some("bye") => self.shared.state().byes += 1,
            _ => {}
        }
        Ok(())
    }

    /// Takes an event: the next one is applied, an old one dropped, and what is missing before a later one is read.
    async fn take(&mut self, socket: &mut Socket, event: Value) -> Result<(), Gone> {
        let (Some(group), Some(seq)) = (event["group"].as_str(), event["seq"].as_i64()) else {
            self.fault(format!("no event: {event}"));
            return Ok(());
        };
        self.meet(group, &event["epoch"]);
        if seq > self.seq(group) + 1 {
            self.catch_up(socket, group, seq - 1).await?;
        }
        self.apply(group, event.clone());
        Ok(())
    }

    /// Compares what is known of a group with where it stands.
    async fn compare(&mut self, socket: &mut Socket, standing: &Value) -> Result<(), Gone> {
        let group = standing["group"].as_str().unwrap_or_default();
        self.meet(group, &standing["epoch"]);
        self.catch_up(socket, group, standing["headSeq"].as_i64().unwrap_or(0)).await
    }

    /// Reads what is missing up to a place.
    async fn catch_up(&mut self, socket: &mut Socket, group: &str, head: i64) -> Result<(), Gone> {
        while self.seq(group) < head {
            let known = self.shared.state().groups.get(group).cloned().unwrap_or_default();
            let request = json!({"type": "sync", "group": group, "epoch": known.epoch, "after": known.seq()});
            let answer = self.ask(socket, &request).await?;
            match answer["code"].as_u64() {
                None => {}
                // No member any more: what is left of the group is history.
                Some(403 | 404) => return Ok(()),
                Some(_) => return Err(Gone),
            }
            self.meet(group, &answer["epoch"]);
            for event in answer["events"].as_array().into_iter().flatten() {
                self.apply(group, event.clone());
            }
        }
        Ok(())
    }

    fn seq(&self, group: &str) -> i64 {
        self.shared.state().groups.get(group).map_or(0, Known::seq)
    }

    /// Drops what is known of a group where its epoch is another one.
    fn meet(&self, group: &str, epoch: &Value) {
        let epoch = epoch.as_str().unwrap_or_default();
        let mut state = self.shared.state();
        let known = state.groups.entry(group.to_owned()).or_default();
        if known.epoch != epoch {
            let dropped = known.dropped + usize::from(!known.epoch.is_empty());
            *known = Known { epoch: epoch.to_owned(), events: Vec::new(), dropped };
        }
    }

    /// Applies an event where it is the next one.
    fn apply(&self, group: &str, event: Value) {
        let mut state = self.shared.state();
        let known = state.groups.entry(group.to_owned()).or_default();
        if event["seq"] == known.seq() + 1 {
            known.events.push(event);
            drop(state);
            self.shared.changed.notify_waiters();
        }
    }

    fn fault(&self, fault: String) {
        self.shared.state().faults.push(fault);
    }
}
