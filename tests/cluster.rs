//! A running chatroom, in either shape, made of real processes on ports of their own. Owns the processes, their keys,
//! their databases and their storage; all of it goes when the cluster is dropped.

mod builder;
mod part;
mod start;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    nats::Nats,
    process::{self, Environment, Process},
    proxy::Proxy,
    store::{self, Store},
};

pub use builder::Builder;
pub use part::{DISTRIBUTED, Dependency, Part, Replica, Shape};

/// A running chatroom. Dropping it kills its processes, and fails the test where one of them panicked or logged an
/// error that was not announced.
#[derive(Debug)]
pub struct Cluster {
    shape: Shape,
    parts: BTreeMap<Replica, Running>,
    /// What every part is given.
    settings: Environment,
    /// Where the certificates of the services are, where they have some.
    certificates: Option<PathBuf>,
    /// What one part is given.
    own: BTreeMap<Part, Environment>,
    announced: Vec<&'static str>,
    /// The logs of processes that are gone.
    ended: Vec<(&'static str, Vec<String>)>,
    store: Option<Store>,
    nats: Option<Nats>,
    replicas: usize,
    /// What stands before each dependency, where a test asked for it.
    proxies: Option<BTreeMap<Dependency, Vec<Proxy>>>,
    place: TempDir,
}

#[derive(Debug)]
struct Running {
    /// Kept for when it is started again: the others know it by this address.
    address: SocketAddr,
    process: Option<Process>,
}

impl Cluster {
    /// A cluster of this shape with every setting at its default, on ports that are free.
    pub fn builder(shape: Shape) -> Builder {
        Builder::new(shape)
    }

    /// Starts a cluster of this shape with every setting at its default.
    pub async fn start(shape: Shape) -> Self {
        Self::builder(shape).start().await
    }

    /// The settings of a part, but for the address it listens on.
    pub fn environment(&self, part: Part) -> Environment {
        let mut environment = Environment::from([
            ("CHATROOM_LOG_FORMAT", "json".to_owned()),
            ("CHATROOM_ADMIN_LISTEN", "127.0.0.1:0".to_owned()),
        ]);
        environment.extend(self.settings.clone());
        environment.extend(self.own.get(&part).cloned().unwrap_or_default());
        environment
    }

    /// Gives a part another setting from its next start on, or lets it have what every part has.
    pub fn reconfigure(&mut self, part: Part, name: &'static str, value: Option<String>) {
        let own = self.own.entry(part).or_default();
        match value {
            Some(value) => drop(own.insert(name, value)),
            None => drop(own.remove(name)),
        }
    }

    /// How it is run.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Where clients find it: `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The address clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address_of(self.front())
    }

    /// The part that answers HTTP.
    pub fn front(&self) -> Part {
        self.part_for(Part::Gateway)
    }

    /// The part in which the code of `part` runs: itself, or the one process of the standalone shape.
    pub fn part_for(&self, part: Part) -> Part {
        match self.shape {
            Shape::Standalone => Part::Standalone,
            Shape::Distributed => part,
        }
    }

    /// The address a process listens on, itself, whatever stands before it.
    pub fn address_of(&self, replica: impl Into<Replica>) -> SocketAddr {
        self.parts[&replica.into()].address
    }

    /// Where clients find each gateway of a distributed cluster: `http://127.0.0.1:<port>`.
    pub fn gateways(&self) -> Vec<String> {
        (0..self.replicas).map(|number| format!("http://{}", self.address_of(Replica(Part::Gateway, number)))).collect()
    }

    /// A part's process.
    pub fn process(&self, replica: impl Into<Replica>) -> &Process {
        self.parts[&replica.into()].process.as_ref().expect("the part is running")
    }

    /// Every process that runs.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.parts.values().filter_map(|part| part.process.as_ref())
    }

    /// What stands before a dependency of a cluster that was started with proxies; nothing elsewhere.
    pub fn proxies(&self, dependency: Dependency) -> &[Proxy] {
        self.proxies.as_ref().and_then(|proxies| proxies.get(&dependency)).map_or(&[], Vec::as_slice)
    }

    /// Kills a part at once, as a crash would.
    pub fn kill(&mut self, replica: impl Into<Replica>) {
        self.take(replica).kill();
    }

    /// Takes a part's process out of the cluster, which forgets it. [`Self::restart`] puts a new one in its place.
    pub fn take(&mut self, replica: impl Into<Replica>) -> Process {
        let running = self.parts.get_mut(&replica.into());
        let process = running.and_then(|running| running.process.take()).expect("the part is running");
        self.ended.push((process.name(), process.lines()));
        process
    }

    /// Starts a part that was killed or taken, on the address it had.
    pub fn restart(&mut self, replica: impl Into<Replica>) {
        self.launch(replica.into());
    }

    /// The bus between the processes of a distributed cluster.
    pub fn nats(&mut self) -> &mut Nats {
        self.nats.as_mut().expect("the cluster has several processes")
    }

    /// The storage of a distributed cluster.
    pub fn store(&mut self) -> &mut Store {
        self.store.as_mut().expect("the cluster has several processes")
    }

    /// Where the records of a standalone process lie.
    pub fn data_dir(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// The key that tokens are signed with, as a PEM file.
    pub fn signing_key(&self) -> PathBuf {
        match self.shape {
            Shape::Standalone => self.data_dir().join("signing-key.pem"),
            Shape::Distributed => self.keys().join("signing-key.pem"),
        }
    }

    /// The folder with the keys and secrets of a distributed cluster.
    pub fn keys(&self) -> PathBuf {
        self.place.path().join("keys")
    }

    /// The folder below which uploaded objects lie; none where the storage is on another machine.
    pub fn objects(&self) -> Option<PathBuf> {
        match &self.store {
            None => Some(self.data_dir()),
            Some(store) => store.folder().map(Path::to_owned),
        }
    }

    /// The names of what is stored of uploads, and of what has been begun.
    pub async fn stored_names(&self) -> BTreeSet<String> {
        match &self.store {
            None => store::names_below(&self.data_dir()),
            Some(store) => store.names().await,
        }
    }

    /// Every object that lies where no folder of [`Self::objects`] shows it, with its name.
    pub async fn distant_objects(&self) -> Vec<(String, Vec<u8>)> {
        match &self.store {
            None => Vec::new(),
            Some(store) => store.contents().await,
        }
    }

    /// Makes the user `name` an administrator, on the command line as an operator does.
    pub fn grant_administrator(&self, name: &str) {
        let part = self.part_for(Part::User);
        let granted = process::run(part.binary(), &["grant-admin", name], &self.environment(part));
        assert!(granted.status.success(), "grant-admin failed: {}", String::from_utf8_lossy(&granted.stderr));
    }

    /// Every line that every process has logged, with the process's name.
    pub fn log(&self) -> Vec<(&'static str, String)> {
        let ended = self.ended.iter().map(|(name, lines)| (*name, lines.clone()));
        let running = self.processes().map(|process| (process.name(), process.lines()));
        ended.chain(running).flat_map(|(name, lines)| lines.into_iter().map(move |line| (name, line))).collect()
    }

    /// The lines that no healthy process logs: panics, and errors that were not announced.
    pub fn faults(&self) -> Vec<String> {
        let announced = |line: &str| self.announced.iter().any(|text| line.contains(text));
        let fault = |line: &str| line.contains("panicked") || line.contains(r#""level":"ERROR""#);
        self.log()
            .into_iter()
            .filter(|(_, line)| fault(line) && !announced(line))
            .map(|(name, line)| format!("{name}: {line}"))
            .collect()
    }
}
impl Cluster {
    /// Ends it, and answers its [`Self::faults`], which do not fail the test then.
    pub fn end(mut self) -> Vec<String> {
        let faults = self.faults();
        self.parts.clear();
        self.ended.clear();
        faults
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let last = &log[log.len().saturating_sub(40)..];
            eprintln!("--- the end of the log of the {} cluster", self.shape);
            for (name, line) in last {
                eprintln!("{name}: {line}");
            }
            return;
        }
        let faults = self.faults();
        assert!(faults.is_empty(), "processes of the {} cluster are at fault:\n{}", self.shape, faults.join("\n"));
    }
}
