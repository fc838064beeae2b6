//! How long the product takes from being started to its first answer, with data there already.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chatroom_tests::{Cluster, Part, Process, Shape, process::PATIENCE};

use crate::{http::Connection, request, rounds::median};

/// How long to wait before asking again one who does not answer yet.
const PAUSE: Duration = Duration::from_micros(500);

/// The parts of a shape.
fn parts(shape: Shape) -> &'static [Part] {
    match shape {
        Shape::Standalone => &[Part::Standalone],
        Shape::Distributed => &[Part::User, Part::Merchant, Part::Group, Part::File, Part::Gateway],
    }
}

/// Stops every process of a cluster as an operator does.
pub(crate) fn stop(cluster: &mut Cluster) -> anyhow::Result<()> {
    for part in parts(cluster.shape()).iter().rev() {
        end(cluster.take(*part))?;
    }
    Ok(())
}

/// Starts every process of a stopped cluster.
pub(crate) fn restart(cluster: &mut Cluster) {
    for part in parts(cluster.shape()) {
        cluster.restart(*part);
    }
}

/// Starts the processes of a stopped cluster so many times, all at once, and stops them again: the median of the
/// milliseconds until the user with `token` was answered.
pub(crate) async fn milliseconds(cluster: &Cluster, token: &str, times: usize) -> anyhow::Result<f64> {
    let mut all = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let processes: Vec<_> = parts(cluster.shape()).iter().map(|part| start(cluster, *part)).collect();
        first_answer(cluster, token).await?;
        all.push(begun.elapsed().as_secs_f64() * 1000.0);
        for process in processes.into_iter().rev() {
            end(process)?;
        }
    }
    Ok(median(all.into_iter()))
}

fn start(cluster: &Cluster, part: Part) -> Process {
    let mut environment = cluster.environment(part);
    environment.insert("CHATROOM_LISTEN", cluster.address_of(part).to_string());
    Process::start(part.binary(), &environment)
}

fn end(mut process: Process) -> anyhow::Result<()> {
    process.terminate();
    process.wait(PATIENCE).with_context(|| format!("{} does not stop", process.name()))?;
    Ok(())
}

/// Waits until the product answers with data, asking all the time.
pub(crate) async fn first_answer(cluster: &Cluster, token: &str) -> anyhow::Result<()> {
    let mut head = Vec::new();
    request::get(&mut head, "/h5/merchant", token);
    let begun = Instant::now();
    while !answers(cluster, &head).await {
        ensure!(begun.elapsed() < PATIENCE, "there is no answer");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn answers(cluster: &Cluster, head: &[u8]) -> bool {
    let Ok(mut connection) = Connection::open(cluster.address()).await else {
        return false;
    };
    connection.call(head, &[]).await.is_ok_and(|answer| answer.status == 200)
}
