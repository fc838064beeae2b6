//! Runs scenarios on both shapes and reports. Owns the clusters that scenarios share, and looks at what their
//! processes logged once all is done.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use chatroom_tests::{Cluster, Shape, postgres};
use libtest_mimic::{Arguments, Trial};
use tokio::{
    runtime::{Builder, Runtime},
    sync::OnceCell,
};

use crate::world::{self, World};

/// How many scenarios run at once where the command line does not say: most of their time is spent waiting.
const THREADS: usize = 4;

/// A scenario under way.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()>>>;

/// Something the product promises, and the way to see whether it is kept.
#[derive(Clone, Copy)]
pub(crate) struct Scenario {
    /// Its module's path and its function's name.
    pub(crate) name: &'static str,
    /// What it needs, and the function.
    pub(crate) needs: Needs,
}

/// What a scenario needs.
#[derive(Clone, Copy)]
pub(crate) enum Needs {
    /// The cluster that scenarios share, beside others.
    Shared(fn(World) -> Running),
    /// The cluster that scenarios share, while nothing else runs: it measures.
    Quiet(fn(World) -> Running),
    /// Clusters that it starts itself.
    Own(fn(Shape) -> Running),
    /// The shared cluster of the distributed shape, whose services can be asked over gRPC.
    Services(fn(World) -> Running),
    /// Distributed clusters that it starts itself.
    OwnServices(fn() -> Running),
}

/// Lists scenarios with the same needs: `scenarios![Shared: one, another]`.
macro_rules! scenarios {
    ($needs:ident: $($scenario:ident),+ $(,)?) => {
        vec![$($crate::suite::Scenario {
            name: concat!(module_path!(), "::", stringify!($scenario)),
            needs: scenarios!(@ $needs $scenario),
        }),+]
    };
    (@ OwnServices $scenario:ident) => { $crate::suite::Needs::OwnServices(|| Box::pin($scenario())) };
    (@ $needs:ident $scenario:ident) => { $crate::suite::Needs::$needs(|given| Box::pin($scenario(given))) };
}
pub(crate) use scenarios;

impl Scenario {
    fn shapes(self) -> &'static [Shape] {
        match self.needs {
            Needs::Services(_) | Needs::OwnServices(_) => &[Shape::Distributed],
            _ => &[Shape::Standalone, Shape::Distributed],
        }
    }

    fn wants_quiet(self) -> bool {
        matches!(self.needs, Needs::Quiet(_))
    }
}

/// Runs what the command line selects.
pub(crate) fn run(mut scenarios: Vec<Scenario>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    // Those that wait for quiet come last, so that they do not hold up the others.
    scenarios.sort_by_key(|scenario| scenario.wants_quiet());
    let stage = Arc::new(Stage::new());
    let trials = scenarios.into_iter().flat_map(|scenario| trials(&stage, scenario)).collect();
    let conclusion = libtest_mimic::run(&arguments, trials);
    let Some(stage) = Arc::into_inner(stage) else {
        unreachable!("every trial has ended");
    };
    let faults = stage.end();
    if conclusion.has_failed() || faults { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn trials(stage: &Arc<Stage>, scenario: Scenario) -> impl Iterator<Item = Trial> {
    let short = scenario.name.split_once("::").map_or(scenario.name, |(_, path)| path);
    scenario.shapes().iter().map(move |&shape| {
        let stage = stage.clone();
        Trial::test(format!("{shape}::{short}"), move || {
            stage.play(scenario, shape);
            Ok(())
        })
    })
}

/// Where scenarios are played.
struct Stage {
    runtime: Runtime,
    standalone: OnceCell<Arc<Cluster>>,
    distributed: OnceCell<Arc<Cluster>>,
    /// Held to write by a scenario that wants quiet, to read by every other.
    quiet: RwLock<()>,
    played: Mutex<BTreeMap<Shape, usize>>,
}

impl Stage {
    fn new() -> Self {
        Self {
            runtime: Builder::new_multi_thread().enable_all().build().expect("a runtime starts"),
            standalone: OnceCell::new(),
            distributed: OnceCell::new(),
            quiet: RwLock::new(()),
            played: Mutex::default(),
        }
    }

    fn play(&self, scenario: Scenario, shape: Shape) {
        let quiet = scenario.wants_quiet();
        // A scenario that failed has poisoned the lock and left nothing behind that matters.
        let _alone = quiet.then(|| self.quiet.write().unwrap_or_else(PoisonError::into_inner));
        let _beside_others = (!quiet).then(|| self.quiet.read().unwrap_or_else(PoisonError::into_inner));
        self.runtime.block_on(async {
            match scenario.needs {
                Needs::Shared(play) | Needs::Quiet(play) | Needs::Services(play) => {
                    play(World::on(self.shared(shape).await)).await;
                }
                Needs::Own(play) => play(shape).await,
                Needs::OwnServices(play) => play().await,
            }
        });
        *self.played.lock().unwrap_or_else(PoisonError::into_inner).entry(shape).or_default() += 1;
    }

    /// The shared cluster of a shape, started when it is first needed.
    async fn shared(&self, shape: Shape) -> Arc<Cluster> {
        let cell = match shape {
            Shape::Standalone => &self.standalone,
            Shape::Distributed => &self.distributed,
        };
        cell.get_or_init(|| async { Arc::new(world::usual(shape).start().await) }).await.clone()
    }

    /// Ends the shared clusters and says what was played; true where a process was at fault.
    fn end(self) -> bool {
        let _context = self.runtime.enter();
        let clusters = [self.standalone, self.distributed].into_iter().filter_map(OnceCell::into_inner);
        let faults = clusters.flat_map(|cluster| world::faults(&cluster)).collect::<Vec<_>>();
        for fault in &faults {
            eprintln!("fault: {fault}");
        }
        let played = self.played.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (shape, count) in &played {
            let databases = match shape {
                Shape::Standalone => "SQLite".to_owned(),
                Shape::Distributed => self.runtime.block_on(postgres::version()),
            };
            println!("{count} scenarios kept on the {shape} shape, {databases}");
        }
        !faults.is_empty()
    }
}
