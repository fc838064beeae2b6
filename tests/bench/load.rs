//! A closed loop of load: so many connections, each sending its next request once the last is answered. Owns the
//! figures of one run; what is sent is a [`Plan`], and whom it is sent to a [`Target`].

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use bytes::Bytes;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    http::Connection,
    usage::{CpuTime, Watched},
};

/// Writes the head of the `turn`th request and answers its body, which many requests may share.
pub(crate) type Plan = Arc<dyn Fn(usize, &mut Vec<u8>) -> Bytes + Send + Sync>;

/// Something that is loaded.
pub(crate) struct Target {
    address: SocketAddr,
    /// The processes it consists of.
    processes: Vec<Watched>,
    plan: Plan,
    /// How many requests it has been asked in all runs: no turn comes twice.
    turns: Arc<AtomicUsize>,
}

impl Target {
    /// A target that has not been asked anything.
    pub(crate) fn new(address: SocketAddr, processes: Vec<Watched>, plan: Plan) -> Self {
        Self { address, processes, plan, turns: Arc::default() }
    }

    /// How many requests it has been asked.
    pub(crate) fn turns(&self) -> usize {
        self.turns.load(Ordering::Relaxed)
    }

    /// The status and body of its answer to one more request.
    pub(crate) async fn answer(&self) -> anyhow::Result<(u16, Vec<u8>)> {
        let mut head = Vec::new();
        let body = (self.plan)(self.turns.fetch_add(1, Ordering::Relaxed), &mut head);
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.call(&head, &body).await?;
        Ok((answer.status, answer.body.to_vec()))
    }
}

/// How hard, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How many connections.
    pub(crate) connections: usize,
    /// How long before anything is counted.
    pub(crate) warm_up: Duration,
    /// How long is counted.
    pub(crate) duration: Duration,
}

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(crate) struct Sample {
    /// Requests answered per second.
    pub(crate) rate: f64,
    /// Half of the answers came within this many milliseconds.
    pub(crate) p50: f64,
    /// 99 of 100 answers came within this many milliseconds.
    pub(crate) p99: f64,
    /// CPU time per request of each process, in microseconds, in the order of the target's processes.
    pub(crate) cpu: Vec<f64>,
}

impl Sample {
    /// CPU time per request of all processes, in microseconds.
    pub(crate) fn total_cpu(&self) -> f64 {
        self.cpu.iter().sum()
    }
}

const WARMING_UP: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// Loads a target from one thread. An answer other than 200 ends the run: its time would say nothing.
pub(crate) fn run(target: &Target, effort: Effort) -> anyhow::Result<Sample> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run_here(target, effort))
}

async fn run_here(target: &Target, effort: Effort) -> anyhow::Result<Sample> {
    let phase = Arc::new(AtomicU8::new(WARMING_UP));
    let mut loops = JoinSet::new();
    for _ in 0..effort.connections {
        loops.spawn(ask_until_over(target.address, target.plan.clone(), target.turns.clone(), phase.clone()));
    }
    let clocked = async {
        tokio::time::sleep(effort.warm_up).await;
        let before = cpu_times(&target.processes)?;
        let begun = Instant::now();
        phase.store(COUNTING, Ordering::Relaxed);
        tokio::time::sleep(effort.duration).await;
        phase.store(OVER, Ordering::Relaxed);
        let elapsed = begun.elapsed();
        anyhow::Ok((elapsed, cpu_times(&target.processes)?.into_iter().zip(before).collect::<Vec<_>>()))
    };
    let (elapsed, cpu) = clocked.await?;
    let mut latencies = Vec::new();
    while let Some(answered) = loops.join_next().await {
        latencies.extend(answered??);
    }
    ensure!(!latencies.is_empty(), "nothing was answered within {:?}", effort.duration);
    Ok(summarise(effort.connections, elapsed, latencies, &cpu))
}

/// One connection's loop; answers how long each counted request took.
async fn ask_until_over(
    address: SocketAddr,
    plan: Plan,
    turns: Arc<AtomicUsize>,
    phase: Arc<AtomicU8>,
) -> anyhow::Result<Vec<Duration>> {
    let mut connection = Connection::open(address).await?;
    let mut head = Vec::new();
    let mut latencies = Vec::new();
    loop {
        head.clear();
        let body = plan(turns.fetch_add(1, Ordering::Relaxed), &mut head);
        let asked = Instant::now();
        let answer = connection.call(&head, &body).await?;
        ensure!(answer.status == 200, "answered {}: {}", answer.status, String::from_utf8_lossy(answer.body));
        match phase.load(Ordering::Relaxed) {
            WARMING_UP => {}
            COUNTING => latencies.push(asked.elapsed()),
            _ => return Ok(latencies),
        }
    }
}

fn cpu_times(processes: &[Watched]) -> anyhow::Result<Vec<CpuTime>> {
    processes.iter().map(Watched::cpu_time).collect()
}

fn summarise(
    connections: usize,
    elapsed: Duration,
    mut latencies: Vec<Duration>,
    cpu: &[(CpuTime, CpuTime)],
) -> Sample {
    latencies.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 requests")]
    let requests = latencies.len() as f64;
    let milliseconds = |quantile: usize| latencies[(latencies.len() - 1) * quantile / 100].as_secs_f64() * 1000.0;
    // A single stream answers few requests in a run: where the run cuts the last one would show in its rate.
    let rate = if connections == 1 {
        requests / latencies.iter().sum::<Duration>().as_secs_f64()
    } else {
        requests / elapsed.as_secs_f64()
    };
    Sample {
        rate,
        p50: milliseconds(50),
        p99: milliseconds(99),
        cpu: cpu.iter().map(|(after, before)| after.since(*before).as_secs_f64() * 1e6 / requests).collect(),
    }
}
