//! Those who talk in a room, each at a steady pace and each message as often as it takes. Judges nothing.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use chatroom_tests::people::fresh_name;
use serde_json::Value;
use tokio::{
    task::JoinSet,
    time::{self, Interval, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::room::{Client, Room};

/// People who talk.
pub(super) struct Talk {
    stop: CancellationToken,
    tasks: JoinSet<Vec<Said>>,
}

/// Something that was said.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// When it was said for the first time.
    pub(super) at: Instant,
    pub(super) client_id: String,
    pub(super) words: String,
    /// Where it stands as the server has acknowledged, or what the server has answered in place of that.
    pub(super) outcome: Result<i64, Value>,
    /// Whether a repetition was acknowledged: that it had been stored was not heard at first.
    pub(super) repeated: bool,
}

impl Talk {
    /// Lets so many of the members talk, each of them once in a while.
    pub(super) fn start(room: &Room, senders: usize, every: Duration) -> Self {
        let (begun, stop, mut tasks) = (time::Instant::now(), CancellationToken::new(), JoinSet::new());
        // One after the other: people do not speak in chorus.
        let apart = every / u32::try_from(senders).unwrap_or(1);
        for (number, client) in (0..).zip(room.clients.iter().take(senders)) {
            let ticks = interval_at(begun + apart * number, every);
            tasks.spawn(talk(client.clone(), room.group.clone(), ticks, stop.clone()));
        }
        Self { stop, tasks }
    }

    /// Lets them finish; answers everything that was said, in the order in which it was.
    pub(super) async fn end(mut self) -> anyhow::Result<Vec<Said>> {
        self.stop.cancel();
        let mut all = Vec::new();
        while let Some(said) = self.tasks.join_next().await {
            all.extend(said.context("nobody may stop talking")?);
        }
        all.sort_by_key(|said| said.at);
        Ok(all)
    }
}

async fn talk(client: Client, group: String, mut ticks: Interval, stop: CancellationToken) -> Vec<Said> {
    let mut all = Vec::new();
    // Who has waited for an answer does not catch up: people do not either.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return all,
            _ = ticks.tick() => {}
        }
        let (client_id, at) = (fresh_name("said"), Instant::now());
        let words = format!("{client_id}，明天见");
        let answer = client.say(&group, &client_id, &words).await;
        let repeated = answer["duplicate"] == true;
        let seq = answer["seq"].as_i64().filter(|_| answer["type"] == "ack");
        all.push(Said { at, client_id, words, outcome: seq.ok_or(answer), repeated });
    }
}
