//! What a client does on one socket: signs in, compares what it knows with where its groups stand, and then hears and
//! asks until the socket is gone. It never stops hearing while it waits for an answer: what comes after a hole is held
//! until the hole has been read. Owns no knowledge that outlives the socket.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::time::sleep_until;

use super::{Beginning, Connection, Known};
use crate::{process::PATIENCE, socket::Socket};

/// How long an answer is waited for before the socket is given up.
const ANSWER: Duration = Duration::from_secs(12);
/// How long to wait with a request that was refused for now, unless the server says so, and at most.
const LATER: (u64, u64) = (100, 1000);

/// The socket is gone.
pub(super) struct Gone;

/// One socket of a client.
pub(super) struct Session<'a> {
    client: &'a mut Connection,
    socket: Socket,
    /// What was asked and not answered yet, and since when, by the request's id.
    asked: HashMap<i64, (Question, Instant)>,
    /// What was refused for now, and when it is asked again.
    later: Vec<(Instant, Question)>,
    /// Groups whose sequences are being read.
    reading: HashSet<String>,
    /// What was heard after a hole, by group and place.
    held: HashMap<String, BTreeMap<i64, Arc<Value>>>,
    /// What was heard of each group on this socket.
    heard: HashMap<String, Heard>,
    /// Whether everything has been read that was missed before this socket.
    resumed: bool,
}

/// What was heard of a group on a socket.
#[derive(Clone, Copy, Debug)]
struct Heard {
    /// The place after which it is heard.
    from: i64,
    /// The last place that was heard.
    last: i64,
}

/// What a client asks.
#[derive(Clone, Debug)]
enum Question {
    /// Who it is; answered with where its groups stand.
    Connect,
    /// What comes next in a group.
    Sync(String),
    /// What the client is told to ask.
    Request,
}

impl<'a> Session<'a> {
    pub(super) fn new(client: &'a mut Connection, socket: Socket) -> Self {
        Self {
            client,
            socket,
            asked: HashMap::new(),
            later: Vec::new(),
            reading: HashSet::new(),
            held: HashMap::new(),
            heard: HashMap::new(),
            resumed: false,
        }
    }

    /// Goes on until the socket is gone.
    pub(super) async fn serve(mut self) -> Result<Infallible, Gone> {
        self.ask(Question::Connect).await;
        loop {
            let again = self.later.iter().map(|(time, _)| *time).min();
            let oldest = self.asked.values().map(|(_, asked)| *asked).min();
            let patience = oldest.map_or(2 * PATIENCE, |asked| ANSWER.saturating_sub(asked.elapsed()));
            tokio::select! {
                text = self.socket.text_within(patience) => {
                    let frame = self.client.frames.read(&text.ok_or(Gone)?);
                    self.hear(&frame).await?;
                }
                () = sleep_until(again.unwrap_or_else(Instant::now).into()), if again.is_some() => self.ask_again().await,
                Some(request) = self.client.waiting.recv(), if self.resumed && self.client.unanswered.is_none() => {
                    self.client.unanswered = Some(request);
                    self.ask(Question::Request).await;
                }
            }
        }
    }

    async fn ask(&mut self, question: Question) {
        let mut body = match &question {
            Question::Connect => json!({"type": "connect", "token": self.client.token}),
            Question::Sync(group) => {
                let (epoch, after) = self.with(group, |known| (known.epoch.clone(), known.seq()));
                json!({"type": "sync", "group": group, "epoch": epoch, "after": after})
            }
            Question::Request => match &self.client.unanswered {
                Some(request) => request.body.clone(),
                None => return,
            },
        };
        let id = self.socket.fresh_id();
        body["id"] = json!(id);
        self.asked.insert(id, (question, Instant::now()));
        self.socket.send(&body).await;
    }

    async fn ask_again(&mut self) {
        let now = Instant::now();
        for (_, question) in self.later.extract_if(.., |(time, _)| *time <= now).collect::<Vec<_>>() {
            self.ask(question).await;
        }
    }

    async fn hear(&mut self, frame: &Arc<Value>) -> Result<(), Gone> {
        if let Some((question, _)) = frame["id"].as_i64().and_then(|id| self.asked.remove(&id)) {
            return self.take_answer(question, frame).await;
        }
        match frame["type"].as_str() {
            Some("event") => self.take_event(frame).await,
            Some("ping") => {
                self.socket.send(&json!({"type": "pong"})).await;
                for (group, head) in frame["heads"].as_object().into_iter().flatten() {
                    self.catch_up(group, head.as_i64().unwrap_or(0)).await;
                }
            }
            Some("bye") => self.client.shared.state().byes += 1,
            _ => {}
        }
        Ok(())
    }

    async fn take_answer(&mut self, question: Question, answer: &Value) -> Result<(), Gone> {
        let code = answer["code"].as_u64();
        match question {
            Question::Connect if answer["type"] == "connected" => self.compare(answer).await,
            question if matches!(code, Some(429 | 500..)) => {
                let pause = answer["retryMs"].as_u64().unwrap_or(LATER.0).min(LATER.1);
                self.later.push((Instant::now() + Duration::from_millis(pause), question));
                // Nothing is known for it.
                return Ok(());
            }
            Question::Sync(group) if code.is_none() => self.take_events(group, answer).await,
            // No member any more: what is left of the group is history.
            Question::Sync(group) if matches!(code, Some(403 | 404)) => self.end_reading(&group),
            Question::Connect | Question::Sync(_) => return Err(Gone),
            Question::Request => {
                if let Some(request) = self.client.unanswered.take() {
                    // Whoever asked may have stopped waiting.
                    let _ = request.answer.send(answer.clone());
                }
            }
        }
        self.note_resumed().await;
        Ok(())
    }

    /// Compares what is known of the groups with where they stand.
    async fn compare(&mut self, connected: &Value) {
        for standing in connected["groups"].as_array().into_iter().flatten() {
            let (group, head) = (standing["group"].as_str().unwrap_or_default(), standing["headSeq"].as_i64());
            let head = head.unwrap_or(0);
            let new = !self.client.shared.state().groups.contains_key(group);
            self.meet(group, &standing["epoch"]);
            self.heard.insert(group.to_owned(), Heard { from: head, last: head });
            if new && self.client.beginning == Beginning::Next {
                self.with(group, |known| known.after = head);
            }
            self.catch_up(group, head).await;
        }
    }

    /// Says so once everything has been read that was missed, and asks again what was not answered.
    async fn note_resumed(&mut self) {
        if self.resumed || !self.reading.is_empty() {
            return;
        }
        self.resumed = true;
        self.client.shared.state().connections += 1;
        self.client.shared.changed.notify_waiters();
        if self.client.unanswered.is_some() {
            self.ask(Question::Request).await;
        }
    }

    /// Reads what is missing up to a place.
    async fn catch_up(&mut self, group: &str, head: i64) {
        if self.with(group, |known| known.seq()) < head && self.reading.insert(group.to_owned()) {
            self.ask(Question::Sync(group.to_owned())).await;
        }
    }

    fn end_reading(&mut self, group: &str) {
        self.reading.remove(group);
        self.held.remove(group);
    }

    /// Takes what has been read, and what was held behind it.
    async fn take_events(&mut self, group: String, answer: &Value) {
        self.meet(&group, &answer["epoch"]);
        let events = answer["events"].as_array().into_iter().flatten();
        let read = events.filter(|event| self.apply(&group, &Arc::new((*event).clone()))).count();
        self.client.shared.state().fetched += read;
        self.apply_held(&group);
        let head = answer["headSeq"].as_i64().unwrap_or(0);
        if self.with(&group, |known| known.seq()) < head || self.held.contains_key(&group) {
            self.ask(Question::Sync(group)).await;
        } else {
            self.end_reading(&group);
        }
    }

    /// Takes an event: the next one is applied, an old one dropped, and what is missing before a later one is read.
    async fn take_event(&mut self, event: &Arc<Value>) {
        let (Some(group), Some(seq)) = (event["group"].as_str(), event["seq"].as_i64()) else {
            self.fault(format!("no event: {event}"));
            return;
        };
        self.meet(group, &event["epoch"]);
        self.note_order(group, seq);
        if self.apply(group, event) {
            self.apply_held(group);
        } else if seq > self.with(group, |known| known.seq()) {
            self.held.entry(group.to_owned()).or_default().insert(seq, event.clone());
            self.catch_up(group, seq).await;
        }
    }

    /// On one socket the events of a group follow each other from where it stood when the socket was opened. What was
    /// there before may come once more.
    fn note_order(&mut self, group: &str, seq: i64) {
        let Heard { from, last } = *self.heard.entry(group.to_owned()).or_insert(Heard { from: seq, last: seq });
        if seq > from {
            self.heard.insert(group.to_owned(), Heard { from, last: seq });
            if seq != last + 1 {
                self.fault(format!("the event {seq} of {group} came after {last}"));
            }
        }
    }

    fn apply_held(&mut self, group: &str) {
        let Some(mut held) = self.held.remove(group) else {
            return;
        };
        while let Some(event) = held.first_entry() {
            let applied = self.apply(group, event.get());
            if !applied && *event.key() > self.with(group, |known| known.seq()) {
                self.held.insert(group.to_owned(), held);
                return;
            }
            event.remove();
        }
    }

    /// Drops what is known of a group where its epoch is another one.
    fn meet(&mut self, group: &str, epoch: &Value) {
        let epoch = epoch.as_str().unwrap_or_default();
        let known_before = self.with(group, |known| {
            let same = known.epoch == epoch;
            known.meet(epoch);
            same
        });
        if !known_before {
            self.heard.remove(group);
            self.held.remove(group);
        }
    }

    fn apply(&self, group: &str, event: &Arc<Value>) -> bool {
        let applied = self.with(group, |known| known.apply(event));
        if applied {
            self.client.shared.changed.notify_waiters();
        }
        applied
    }

    fn with<T>(&self, group: &str, look: impl FnOnce(&mut Known) -> T) -> T {
        let mut state = self.client.shared.state();
        look(state.groups.entry(group.to_owned()).or_default())
    }

    fn fault(&self, fault: String) {
        self.client.shared.state().faults.push(fault);
    }
}
