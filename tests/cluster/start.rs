//! How the processes of a cluster are started: keys and dependencies first, then each part after those it asks.

use std::{net::SocketAddr, path::PathBuf};

use super::{Cluster, DISTRIBUTED, Dependency, Part, Replica, Running};
use crate::{
    nats::{self, Nats},
    ports::free_address,
    postgres,
    process::{self, Environment, Process},
    proxy::Proxy,
    store::Store,
};

impl Cluster {
    pub(super) fn start_standalone(&mut self) {
        let data = self.place.path().join("data").display().to_string();
        self.own.insert(Part::Standalone, Environment::from([("CHATROOM_DATA_DIR", data)]));
        self.launch(Part::Standalone.into());
    }

    pub(super) async fn start_distributed(&mut self, postgres: &str, separate_store: bool) {
        let keys = self.make_keys();
        self.set("CHATROOM_JWKS_FILE", keys.join("jwks.json").display().to_string());
        let nats = Nats::start();
        let bus = self.reachable(Dependency::Bus, nats.address()).await;
        let objects = self.place.path().join("objects");
        let store = if separate_store { Store::start_process(&objects) } else { Store::start(&objects).await };
        let storage = store.environment_at(self.reachable(Dependency::Storage, store.address()).await);
        let server = postgres::address(postgres);
        let through = self.reachable(Dependency::Database, server).await;
        // The user service, which is there first, asks the file service, which asks it.
        for number in 0..self.replicas {
            let running = Running { address: free_address(), process: None };
            self.parts.insert(Replica(Part::File, number), running);
        }
        self.introduce(Part::File).await;
        for part in DISTRIBUTED {
            let mut own = Environment::new();
            if matches!(part, Part::User | Part::Merchant | Part::Group) {
                let database = postgres::fresh_database_on(postgres).await;
                own.insert("CHATROOM_DATABASE_URL", database.replace(&server.to_string(), &through.to_string()));
            }
            if part == Part::User {
                own.insert("CHATROOM_JWT_SIGNING_KEY_FILE", self.signing_key().display().to_string());
                own.insert("CHATROOM_SERVICE_SECRETS_FILE", keys.join("services").display().to_string());
            }
            if let Some(service) = part.service_name() {
                let secret = keys.join(format!("{service}.secret"));
                own.insert("CHATROOM_SERVICE_SECRET_FILE", secret.display().to_string());
                own.insert("CHATROOM_NATS_URL", nats::url(service, bus));
            }
            if part == Part::File {
                own.extend(storage.clone());
            }
            own.extend(self.certificates_of(part));
            self.own.insert(part, own);
            for number in 0..self.replicas {
                self.launch(Replica(part, number));
            }
            if part != Part::File {
                self.introduce(part).await;
            }
        }
        self.store = Some(store);
        self.nats = Some(nats);
    }

    /// Makes the key that signs tokens and the secrets of the services; answers the folder they lie in.
    fn make_keys(&self) -> PathBuf {
        let keys = self.keys();
        let folder = keys.display().to_string();
        let mut add_services = vec!["add-service", "--dir", folder.as_str()];
        for service in DISTRIBUTED.into_iter().filter_map(Part::service_name) {
            add_services.push(service);
        }
        for command in [&["keygen", "--out", &folder][..], &add_services] {
            let made = process::run(Part::User.binary(), command, &Environment::new());
            assert!(made.status.success(), "{command:?} failed: {}", String::from_utf8_lossy(&made.stderr));
        }
        keys
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

    /// Where the others reach a dependency that listens on `address`: there, or at a new proxy before it.
    async fn reachable(&mut self, dependency: Dependency, address: SocketAddr) -> SocketAddr {
        let Some(proxies) = &mut self.proxies else {
            return address;
        };
        let proxy = Proxy::start(address).await;
        let before = proxy.address();
        proxies.entry(dependency).or_default().push(proxy);
        before
    }

    /// Tells the parts that are started from now on where a part is.
    async fn introduce(&mut self, part: Part) {
        let Some(setting) = part.url_setting() else {
            return;
        };
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        let mut urls = Vec::new();
        for number in 0..self.replicas {
            let address = self.address_of(Replica(part, number));
            urls.push(format!("{scheme}://{}", self.reachable(Dependency::Service(part), address).await));
        }
        self.set(setting, urls.join(","));
    }

    /// Starts a process for the first time, or again on the address it had.
    pub(super) fn launch(&mut self, replica: Replica) {
        let known = self.parts.get(&replica);
        let address = known.map_or_else(free_address, |running| running.address);
        let part = replica.0;
        let mut environment = self.environment(part);
        environment.insert("CHATROOM_LISTEN", address.to_string());
        let process = Process::start(part.binary(), &environment);
        let address = process.address();
        self.parts.insert(replica, Running { address, process: Some(process) });
    }
}
