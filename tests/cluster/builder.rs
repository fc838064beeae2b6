//! What is asked of a cluster before it is started. Owns no process.

use std::{collections::BTreeMap, env, path::PathBuf};

use super::{Cluster, Shape};
use crate::{postgres, process::Environment};

/// A cluster that is about to be started.
#[derive(Debug)]
pub struct Builder {
    shape: Shape,
    settings: Environment,
    certificates: Option<PathBuf>,
    announced: Vec<&'static str>,
    replicas: usize,
    proxied: bool,
    separate_store: bool,
    postgres: Option<String>,
}

/// How many processes of every part a distributed cluster has unless a test asks for another number: one, or as many as
/// `CHATROOM_TEST_REPLICAS` says.
fn replicas() -> usize {
    env::var("CHATROOM_TEST_REPLICAS").map_or(1, |text| text.parse().expect("CHATROOM_TEST_REPLICAS is a number"))
}

impl Builder {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            shape,
            settings: Environment::new(),
            certificates: None,
            announced: Vec::new(),
            replicas: replicas(),
            proxied: false,
            separate_store: false,
            postgres: None,
        }
    }

    /// Starts so many processes of every part of a distributed cluster.
    #[must_use]
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Puts a proxy before everything that the processes of a distributed cluster reach over the network, so that a
    /// test can take it away.
    #[must_use]
    pub fn proxied(mut self) -> Self {
        self.proxied = true;
        self
    }

    /// Gives a distributed cluster a storage server in a process of its own, so that a test can take it away.
    #[must_use]
    pub fn separate_store(mut self) -> Self {
        self.separate_store = true;
        self
    }

    /// Makes the databases on the PostgreSQL server at `url`, in place of the one that the environment names.
    #[must_use]
    pub fn postgres(mut self, url: String) -> Self {
        self.postgres = Some(url);
        self
    }

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
            replicas: self.replicas,
            proxies: self.proxied.then(BTreeMap::new),
            place,
        };
        match self.shape {
            Shape::Standalone => cluster.start_standalone(),
            Shape::Distributed => {
                let server = self.postgres.unwrap_or_else(postgres::server_url);
                cluster.start_distributed(&server, self.separate_store).await;
            }
        }
        cluster
    }
}
