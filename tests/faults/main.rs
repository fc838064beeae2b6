//! The fault run (`just faults`): starts the distributed shape from its real binaries, with PostgreSQL, an S3 server and
//! NATS on loopback, takes away one after another under load, and prints a figure for each promise. Beside the other
//! binaries of its profile; needs PostgreSQL's and a NATS server's, as `tests/faults.sh` provides them.
#![expect(clippy::expect_used, reason = "a run that cannot go on has nothing better to do than to end with a sentence")]

mod ask;
mod chat;
mod dependency;
mod flood;
mod history;
mod kills;
mod load;
mod options;
mod outage;
mod overload;
mod report;
mod rig;
mod rolling;
mod rotation;
mod scene;
mod storage;
mod uploads;
mod victim;
mod writers;

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use chatroom_kit::lifecycle;
use tokio::{runtime::Builder, time::timeout};

use crate::{
    options::{Options, Trial},
    report::{Figure, Report, TrialReport},
    rig::Rig,
};

/// How long a trial may take at most: a run never hangs.
const TRIAL_MAX: Duration = Duration::from_mins(8);
/// What starting and ending a rig may take.
const RIG_MAX: Duration = Duration::from_mins(2);
/// More threads than cores: some wait for processes.
const THREADS: usize = 4;

fn main() -> ExitCode {
    chatroom_tests::process::allow_many_files();
    let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
    let runtime = runtime.expect("a runtime starts");
    lifecycle::exit_code(runtime.block_on(until_told_to_stop(chatroom_kit::config::parse())))
}

/// Makes the run; told to stop, it ends what it has started first.
async fn until_told_to_stop(options: Options) -> anyhow::Result<()> {
    let stop = lifecycle::stop_on_signals()?;
    tokio::select! {
        outcome = make(options) => outcome,
        () = stop.cancelled() => bail!("told to stop"),
    }
}

async fn make(options: Options) -> anyhow::Result<()> {
    let mut report = Report { short: options.short, debug: cfg!(debug_assertions), trials: Vec::new() };
    for proxied in [false, true] {
        let trials: Vec<_> = options.trials().into_iter().filter(|trial| trial.needs_proxies() == proxied).collect();
        if !trials.is_empty() {
            report.trials.extend(on_one_rig(&options, &trials, proxied).await?);
        }
    }
    print!("{report}");
    report.save()?;
    ensure!(report.kept(), "a promise is broken");
    Ok(())
}

async fn on_one_rig(options: &Options, trials: &[Trial], proxied: bool) -> anyhow::Result<Vec<TrialReport>> {
    eprintln!("starting everything{}", if proxied { ", with proxies between" } else { "" });
    let start = async { if proxied { Rig::proxied().await } else { Rig::direct().await } };
    let mut rig = timeout(RIG_MAX, start).await.context("it does not start in time")?;
    let mut reports = Vec::new();
    for trial in trials {
        eprintln!("{}", trial.title());
        let begun = Instant::now();
        let made = timeout(TRIAL_MAX, try_promise(&mut rig, *trial, options)).await;
        let outcome = made.context("it takes too long").flatten();
        let failed = outcome.is_err();
        // What the trials before it have found out is told all the same.
        let figures = outcome.unwrap_or_else(|error| vec![Figure::none("it goes on", vec![format!("{error:#}")])]);
        reports.push(TrialReport { trial: trial.title(), seconds: begun.elapsed().as_secs_f64(), figures });
        if failed {
            break;
        }
    }
    let errors = rig.end();
    if let Some(last) = reports.last_mut() {
        last.figures.push(Figure::none("errors and panics in the logs of all trials on these processes", errors));
    }
    Ok(reports)
}

async fn try_promise(rig: &mut Rig, trial: Trial, options: &Options) -> anyhow::Result<Vec<Figure>> {
    match trial {
        Trial::Kills => kills::run(rig, options).await,
        Trial::Chat => chat::run(rig, options).await,
        Trial::Rolling => rolling::run(rig, options).await,
        Trial::Outage => outage::run(rig, options).await,
        Trial::Rotation => rotation::run(rig, options).await,
        Trial::Storage => storage::run(rig, options).await,
        Trial::Overload => overload::run(rig, options).await,
        Trial::Dependency => dependency::run(rig, options).await,
    }
}
