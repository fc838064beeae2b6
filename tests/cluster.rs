//! A running chatroom, in either shape, made of real processes on ports of their own. Owns the processes, their keys,
//! their databases and their storage; all of it goes when the cluster is dropped.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    nats::{self, Nats},
    postgres,
    process::{self, Environment, Process},
    store::Store,
};

/// How the product is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One process on SQLite files and embedded storage.
    Standalone,
    /// A process per service, PostgreSQL, storage over the network.
    Distributed,
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        })
    }
}

/// One process of a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Everything in one process.
    Standalone,
    /// The user service.
    User,
    /// The merchant service.
    Merchant,
    /// The group service.
    Group,
    /// The file service.
    File,
    /// The gateway.
    Gateway,
}

impl Part {
    /// The name of its binary.
    pub fn binary(self) -> &'static str {
        match self {
            Self::Standalone => "chatroom",
            Self::User => "chatroom-user",
            Self::Merchant => "chatroom-merchant",
            Self::Group => "chatroom-group",
            Self::File => "chatroom-file",
            Self::Gateway => "chatroom-gateway",
        }
    }

    /// Its name among the services, by which its certificates are kept.
    pub fn name(self) -> &'static str {
        self.binary().trim_start_matches("chatroom-")
    }

    /// What it calls itself where it calls in its own name, where it does.
    fn service_name(self) -> Option<&'static str> {
        match self {
            Self::Gateway => Some("gateway"),
            Self::Merchant => Some("merchant"),
            Self::Group => Some("group"),
            Self::File => Some("file"),
            Self::Standalone | Self::User => None,
        }
    }

    /// The setting by which others find it, where they do.
    fn url_setting(self) -> Option<&'static str> {
        match self {
            Self::User => Some("CHATROOM_USER_URL"),
            Self::Merchant => Some("CHATROOM_MERCHANT_URL"),
            Self::Group => Some("CHATROOM_GROUP_URL"),
            Self::File => Some("CHATROOM_FILE_URL"),
            Self::Standalone | Self::Gateway => None,
        }
    }
}

/// The parts of a distributed cluster, each after those it asks.
const DISTRIBUTED: [Part; 5] = [Part::User, Part::Merchant, Part::File, Part::Group, Part::Gateway];

/// A cluster that is about to be started.
#[derive(Debug)]
pub struct Builder {
    shape: Shape,
    settings: Environment,
    certificates: Option<PathBuf>,
    announced: Vec<&'static str>,
}

impl Builder {
    /// Gives every process the setting `name`.
    #[must_use]
    pub fn set(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.settings.insert(name, value.into());
        self
    }

    /// Lets the services prove themselves to each other by the certificates in `folder`, laid out as
    /// `deploy/k8s/new-certificates.sh` does it: `<service>/tls.crt`, `tls.key` and `ca.crt`.
    #[must_use]
    pub fn certificates(mut self, folder: impl Into<PathBuf>) -> Self {
        self.certificates = Some(folder.into());
        self
    }

    /// Says that lines with `text` at level ERROR are part of the test. Any other fails it.
    #[must_use]
    pub fn announce(mut self, text: &'static str) -> Self {
        self.announced.push(text);
        self
    }

    /// Starts the cluster and waits until it serves.
    pub async fn start(self) -> Cluster {
        let place = tempfile::tempdir().expect("a folder can be made");
        let mut cluster = Cluster {
            shape: self.shape,
            parts: BTreeMap::new(),
            settings: self.settings,
            certificates: self.certificates,
            own: BTreeMap::new(),
            announced: self.announced,
            ended: Vec::new(),
            store: None,
            nats: None,
            place,
        };
        match self.shape {
            Shape::Standalone => cluster.start_standalone(),
            Shape::Distributed => cluster.start_distributed().await,
        }
        cluster
    }
}

/// A running chatroom. Dropping it kills its processes, and fails the test where one of them panicked or logged an
/// error that was not announced.
#[derive(Debug)]
pub struct Cluster {
    shape: Shape,
    parts: BTreeMap<Part, Running>,
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
        Builder { shape, settings: Environment::new(), certificates: None, announced: Vec::new() }
    }

    /// Starts a cluster of this shape with every setting at its default.
    pub async fn start(shape: Shape) -> Self {
        Self::builder(shape).start().await
    }

    fn start_standalone(&mut self) {
        let data = self.place.path().join("data").display().to_string();
        self.own.insert(Part::Standalone, Environment::from([("CHATROOM_DATA_DIR", data)]));
        self.launch(Part::Standalone);
    }

    async fn start_distributed(&mut self) {
        let keys = self.place.path().join("keys");
        let folder = keys.display().to_string();
        let mut add_services = vec!["add-service", "--dir", folder.as_str()];
        for service in DISTRIBUTED.into_iter().filter_map(Part::service_name) {
            add_services.push(service);
        }
        for command in [&["keygen", "--out", &folder][..], &add_services] {
            let made = process::run(Part::User.binary(), command, &Environment::new());
            assert!(made.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        self.set("CHATROOM_JWKS_FILE", keys.join("jwks.json").display().to_string());
        let nats = Nats::start();
        let store = Store::start(&self.place.path().join("objects")).await;
        // The user service, which is there first, asks the file service, which asks it.
        let files = nats::free_address();
        self.set("CHATROOM_FILE_URL", self.service_url(files));
        self.parts.insert(Part::File, Running { address: files, process: None });
        for part in DISTRIBUTED {
            let mut own = Environment::new();
            if matches!(part, Part::User | Part::Merchant | Part::Group) {
                own.insert("CHATROOM_DATABASE_URL", postgres::fresh_database().await);
            }
            if part == Part::User {
                own.insert("CHATROOM_JWT_SIGNING_KEY_FILE", self.signing_key().display().to_string());
                own.insert("CHATROOM_SERVICE_SECRETS_FILE", keys.join("services").display().to_string());
            }
            if let Some(service) = part.service_name() {
                let secret = keys.join(format!("{service}.secret"));
                own.insert("CHATROOM_SERVICE_SECRET_FILE", secret.display().to_string());
            }
            if let Some(user) = part.service_name() {
                own.insert("CHATROOM_NATS_URL", nats.url(user));
            }
            if part == Part::File {
                own.extend(store.environment().clone());
            }
            own.extend(self.certificates_of(part));
            self.own.insert(part, own);
            self.launch(part);
        }
        self.store = Some(store);
        self.nats = Some(nats);
    }

    /// Where the other services find one that listens on `address`.
    fn service_url(&self, address: SocketAddr) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}")
    }

    fn certificates_of(&self, part: Part) -> Environment {
        let Some(folder) = self.certificates.as_ref().map(|folder| folder.join(part.name())) else {
            return Environment::new();
        };
        let file = |name: &str| folder.join(name).display().to_string();
        Environment::from([
            ("CHATROOM_TLS_CERT_FILE", file("tls.crt")),
            ("CHATROOM_TLS_KEY_FILE", file("tls.key")),
            ("CHATROOM_TLS_CA_FILE", file("ca.crt")),
        ])
    }

    fn set(&mut self, name: &'static str, value: String) {
        self.settings.insert(name, value);
    }

    /// Starts a part for the first time, or again on the address it had.
    fn launch(&mut self, part: Part) {
        let address = self.parts.get(&part).map_or_else(|| "127.0.0.1:0".to_owned(), |part| part.address.to_string());
        let mut environment = self.environment(part);
        environment.insert("CHATROOM_LISTEN", address);
        let process = Process::start(part.binary(), &environment);
        let address = process.address();
        if let Some(setting) = part.url_setting() {
            self.set(setting, self.service_url(address));
        }
        self.parts.insert(part, Running { address, process: Some(process) });
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

    /// Gives a part another setting from its next start on.
    pub fn reconfigure(&mut self, part: Part, name: &'static str, value: String) {
        self.own.entry(part).or_default().insert(name, value);
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

    /// The address a part listens on.
    pub fn address_of(&self, part: Part) -> SocketAddr {
        self.parts[&part].address
    }

    /// A part's process.
    pub fn process(&self, part: Part) -> &Process {
        self.parts[&part].process.as_ref().expect("the part is running")
    }

    /// Every process that runs.
    pub fn processes(&self) -> impl Iterator<Item = &Process> {
        self.parts.values().filter_map(|part| part.process.as_ref())
    }

    /// Kills a part at once, as a crash would.
    pub fn kill(&mut self, part: Part) {
        self.take(part).kill();
    }

    /// Takes a part's process out of the cluster, which forgets it. [`Self::restart`] puts a new one in its place.
    pub fn take(&mut self, part: Part) -> Process {
        let process = self.parts.get_mut(&part).and_then(|part| part.process.take()).expect("the part is running");
        self.ended.push((process.name(), process.lines()));
        process
    }

    /// Starts a part that was killed or taken, on the address it had.
    pub fn restart(&mut self, part: Part) {
        self.launch(part);
    }

    /// The bus between the processes of a distributed cluster.
    pub fn nats(&mut self) -> &mut Nats {
        self.nats.as_mut().expect("the cluster has several processes")
    }

    /// Where the records of a standalone process lie.
    pub fn data_dir(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// The key that tokens are signed with, as a PEM file.
    pub fn signing_key(&self) -> PathBuf {
        match self.shape {
            Shape::Standalone => self.data_dir().join("signing-key.pem"),
            Shape::Distributed => self.place.path().join("keys/signing-key.pem"),
        }
    }

    /// The folder below which uploaded objects lie; none where the storage is on another machine.
    pub fn objects(&self) -> Option<PathBuf> {
        match &self.store {
            None => Some(self.data_dir()),
            Some(store) => store.folder().map(Path::to_owned),
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
