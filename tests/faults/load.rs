//! A steady load of requests that may be repeated, whether the answers come or not, and what came of them. Chooses
//! gateways as a load balancer before them does.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::{JoinHandle, JoinSet},
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::{Asked, ask},
    scene::{Route, Scene},
};

/// What is asked for in turn: clients read far more than they write.
pub(crate) const MIX: [Route; 16] = [
    Route::Account,
    Route::Pages,
    Route::History,
    Route::Conversations,
    Route::JoinPage,
    Route::Download,
    Route::Groups,
    Route::History,
    Route::Pages,
    Route::Say,
    Route::Account,
    Route::Conversations,
    Route::History,
    Route::JoinGroup,
    Route::Download,
    Route::Groups,
];

/// A load under way.
pub(crate) struct Load {
    stop: CancellationToken,
    task: JoinHandle<Tally>,
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many requests were made.
    pub(crate) asked: usize,
    /// How many were made at a second gateway, since the first did not answer.
    pub(crate) detours: usize,
    /// Those that were not served.
    pub(crate) failures: Vec<String>,
    /// How long each took.
    pub(crate) times: Vec<Duration>,
}

impl Load {
    /// Asks so many times each second, in each of `scenes` and at each gateway in turn.
    pub(crate) fn start(scenes: &[Scene], gateways: Vec<String>, per_second: u32) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(scenes.into(), gateways.into(), per_second, stop.clone()));
        Self { stop, task }
    }

    /// Stops asking, and waits for the last answers.
    pub(crate) async fn end(self) -> anyhow::Result<Tally> {
        self.stop.cancel();
        Ok(self.task.await?)
    }
}

async fn run(scenes: Arc<[Scene]>, gateways: Arc<[String]>, per_second: u32, stop: CancellationToken) -> Tally {
    let mut ticks = interval(Duration::from_secs(1) / per_second);
    // What this process is late with is asked for all the same.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut under_way, mut tally) = (JoinSet::new(), Tally::default());
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(Ok(ended)) = under_way.join_next() => tally.take(&ended),
            _ = ticks.tick() => {
                under_way.spawn(ask_somewhere(scenes.clone(), gateways.clone(), tally.asked));
                tally.asked += 1;
            }
        }
    }
    while let Some(ended) = under_way.join_next().await {
        if let Ok(ended) = ended {
            tally.take(&ended);
        }
    }
    tally
}

/// What came of one request.
struct Ended {
    route: Route,
    asked: Asked,
    detour: bool,
}

/// Asks at one gateway, and at the next where that one does not answer at all.
async fn ask_somewhere(scenes: Arc<[Scene]>, gateways: Arc<[String]>, turn: usize) -> Ended {
    let route = MIX[turn % MIX.len()];
    let scene = &scenes[turn / MIX.len() % scenes.len()];
    let at = |turn: usize| &gateways[turn % gateways.len()];
    let asked = ask(route.request(scene, at(turn))).await;
    if !asked.broken() {
        return Ended { route, asked, detour: false };
    }
    Ended { route, asked: ask(route.request(scene, at(turn + 1))).await, detour: true }
}

impl Tally {
    fn take(&mut self, ended: &Ended) {
        self.times.push(ended.asked.took);
        self.detours += usize::from(ended.detour);
        if !ended.asked.served() {
            self.failures.push(format!("{}: {}", ended.route, ended.asked.said()));
        }
    }
}
