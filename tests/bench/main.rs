//! The benchmark (`just bench`): loads both shapes of the product and, in the same run, the least that could do the
//! same work, and prints what each costs. Run beside the product's release binaries; PostgreSQL is the server that
//! `CHATROOM_TEST_POSTGRES_URL` names.

mod direct;
mod equality;
mod erasure;
mod limit;
mod load;
mod options;
mod plan;
mod realtime;
mod report;
mod request;
mod rig;
mod rounds;
mod route;
mod seed;
mod start;
mod usage;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use chatroom_tests::{Shape, lean as http};

use crate::{
    options::{Command, Options, Run},
    report::{MemoryReport, Report, RouteReport, ShapeReport},
    rig::Rig,
    route::Route,
    usage::Watched,
};

/// How long the product is left alone before its memory counts as idle.
const IDLE: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> ExitCode {
    chatroom_kit::lifecycle::exit_code(try_main(chatroom_kit::config::parse()).await)
}

async fn try_main(options: Options) -> anyhow::Result<()> {
    match options.command {
        Some(Command::Limit(options)) => limit::serve(options).await,
        Some(Command::Realtime(run)) => realtime::bench(&run).await,
        Some(Command::Erasure(run)) => erasure::bench(&run).await,
        Some(Command::Broadcast(options)) => realtime::broadcast::serve(options).await,
        None => bench(&options.run).await,
    }
}

async fn bench(run: &Run) -> anyhow::Result<()> {
    let mut report = Report::begin(run).await?;
    for shape in run.shapes() {
        let measured = bench_shape(shape, run).await.with_context(|| format!("in the {shape} shape"))?;
        report.shapes.push(measured);
    }
    print!("{report}");
    report.save()
}

async fn bench_shape(shape: Shape, run: &Run) -> anyhow::Result<ShapeReport> {
    eprintln!("{shape}: starting and filling it");
    let rig = Rig::start(shape, run.size(), run.starts()).await?;
    tokio::time::sleep(IDLE).await;
    let processes = rig.processes();
    let idle = processes.iter().map(Watched::memory).collect::<anyhow::Result<Vec<_>>>()?;
    let mut routes = Vec::new();
    for route in run.routes() {
        eprintln!("{shape}: {route}");
        routes.push(bench_route(&rig, route, run).await.with_context(|| format!("measuring {route}"))?);
    }
    let memory = processes
        .iter()
        .zip(idle)
        .map(|(process, idle)| Ok(MemoryReport { process: process.name, idle, loaded: process.memory()? }))
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(ShapeReport { shape, start: rig.start_time, memory, routes })
}

async fn bench_route(rig: &Rig, route: Route, run: &Run) -> anyhow::Result<RouteReport> {
    let (product, limit) = rig.targets(route).await?;
    if !route.moves_objects() {
        equality::check(route, &product, &limit).await?;
    }
    // The load has a thread and a runtime of its own; this one goes on serving the object storage.
    let comparison =
        tokio::task::block_in_place(|| rounds::compare(&product, &limit, run.effort(route), run.rounds()))?;
    for target in [&product, &limit] {
        rig.check_turns(route, target)?;
    }
    Ok(RouteReport { route, comparison })
}
