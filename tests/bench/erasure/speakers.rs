//! Those who go on speaking while something is taken away, and how long each of their messages takes until it is
//! acknowledged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use chatroom_tests::Client;
use serde::Serialize;
use serde_json::json;
use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};

/// How often somebody speaks.
const EVERY: Duration = Duration::from_millis(20);

/// People who speak, in turn and in one group after the other.
pub(super) struct Speakers {
    silent: Arc<AtomicBool>,
    speaking: JoinHandle<anyhow::Result<Vec<Duration>>>,
}

/// How long sending took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Latency {
    pub(super) sends: usize,
    pub(super) median: f64,
    pub(super) p99: f64,
    pub(super) worst: f64,
}

impl Speakers {
    pub(super) fn start(clients: Vec<Client>, groups: Vec<String>) -> Self {
        let silent = Arc::new(AtomicBool::new(false));
        let speaking = tokio::spawn(speak(clients, groups, silent.clone()));
        Self { silent, speaking }
    }

    /// Ends it; every message must have been acknowledged.
    pub(super) async fn end(self) -> anyhow::Result<Latency> {
        self.silent.store(true, Ordering::Relaxed);
        let mut times = self.speaking.await??;
        times.sort();
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place in a list that is there"
            )]
            let place = ((times.len() - 1) as f64 * share) as usize;
            times[place].as_secs_f64() * 1000.0
        };
        ensure!(!times.is_empty(), "nobody spoke");
        Ok(Latency { sends: times.len(), median: at(0.5), p99: at(0.99), worst: at(1.0) })
    }
}

async fn speak(clients: Vec<Client>, groups: Vec<String>, silent: Arc<AtomicBool>) -> anyhow::Result<Vec<Duration>> {
    let mut ticks = interval(EVERY);
    // A slow answer holds up nobody who speaks after it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sends, first) = (JoinSet::new(), Instant::now());
    for turn in 0.. {
        ticks.tick().await;
        if silent.load(Ordering::Relaxed) {
            break;
        }
        let client = clients[turn % clients.len()].clone();
        let body = json!({
            "group": groups[turn % groups.len()],
            "clientId": format!("{}-{turn}", first.elapsed().as_nanos()),
            "kind": "text",
            "content": {"text": format!("第{turn}句话")},
        });
        sends.spawn(async move {
            let begun = Instant::now();
            let answer = client.post("/h5/message", &body).await;
            ensure!(answer.status.is_success(), "a message was answered {}", answer.text);
            Ok(begun.elapsed())
        });
    }
    let mut times = Vec::new();
    while let Some(sent) = sends.join_next().await {
        times.push(sent.context("a speaker panicked")??);
    }
    Ok(times)
}
