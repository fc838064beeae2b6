//! The object storage behind a cluster: an S3 server on loopback in this process or in one of its own, or a bucket on the
//! one that `CHATROOM_TEST_S3_ENDPOINT` names, with `_BUCKET`, which the bucket's name begins with, `_ACCESS_KEY` and
//! `_SECRET_KEY`. Knows what lies there, so that a test can see what was left behind.

mod detached;
mod named;
mod served;

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use self::{detached::Detached, named::Named, served::Served};
pub use self::{
    detached::{FOLDER, LISTEN},
    served::serve,
};
use crate::process::{Environment, Process};

/// A bucket on an S3 server.
#[derive(Debug)]
pub struct Store {
    environment: Environment,
    address: SocketAddr,
    server: Server,
}

#[derive(Debug)]
enum Server {
    /// In this process.
    Served(Served),
    /// In a process of its own.
    Detached(Detached),
    /// Another's.
    Named(Named),
}

impl Store {
    /// On the server that the environment names, or on one that keeps its files in `folder`.
    pub async fn start(folder: &Path) -> Self {
        if let Ok(endpoint) = env::var("CHATROOM_TEST_S3_ENDPOINT") {
            let (address, named) = Named::open(&endpoint).await;
            Self { environment: named.environment(), address, server: Server::Named(named) }
        } else {
            let (address, served) = Served::start(folder).await;
            Self { environment: served::environment(), address, server: Server::Served(served) }
        }
    }

    /// On a server in a process of its own, which can be taken away.
    pub fn start_process(folder: &Path) -> Self {
        let (address, detached) = Detached::start(folder);
        Self { environment: served::environment(), address, server: Server::Detached(detached) }
    }

    /// The process that serves, where it is one of its own.
    pub fn process(&self) -> &Process {
        match &self.server {
            Server::Detached(detached) => detached.process(),
            _ => panic!("the store has no process of its own"),
        }
    }

    /// Kills the process that serves, where it is one of its own.
    pub fn kill(&mut self) {
        if let Server::Detached(detached) = &mut self.server {
            detached.kill();
        }
    }

    /// Starts the process again on the address that it had, with the files that it had.
    pub fn restart(&mut self) {
        if let Server::Detached(detached) = &mut self.server {
            detached.restart(self.address);
        }
    }

    /// Lets the process write no file beyond so many bytes, as on a disk that is full, or any size again.
    pub fn limit_files(&self, bytes: Option<u64>) {
        detached::limit_files(self.process(), bytes);
    }

    /// The address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The settings that lead a file service here by way of `address`.
    pub fn environment_at(&self, address: SocketAddr) -> Environment {
        let mut environment = self.environment.clone();
        environment.insert("CHATROOM_S3_ENDPOINT", format!("http://{address}"));
        environment
    }

    /// Where the server keeps its files, where it is one of ours.
    pub fn folder(&self) -> Option<&Path> {
        match &self.server {
            Server::Served(served) => Some(served.folder()),
            Server::Detached(detached) => Some(detached.folder()),
            Server::Named(_) => None,
        }
    }

    /// The names of what is stored, and of what has been begun.
    pub async fn names(&self) -> BTreeSet<String> {
        match &self.server {
            Server::Served(served) => names_below(served.folder()),
            Server::Detached(detached) => names_below(detached.folder()),
            Server::Named(named) => named.names().await,
        }
    }

    /// Everything that is stored on another's server, with its name; what one's own keeps lies below its folder.
    pub async fn contents(&self) -> Vec<(String, Vec<u8>)> {
        match &self.server {
            Server::Served(_) | Server::Detached(_) => Vec::new(),
            Server::Named(named) => named.contents().await,
        }
    }
}

/// The files below `folder` that hold uploads or parts of them; databases grow by other things.
pub fn names_below(folder: &Path) -> BTreeSet<String> {
    let names = files_below(folder).into_iter().map(|(path, size)| format!("{} of {size} bytes", path.display()));
    names.filter(|name| !name.contains(".db")).collect()
}

/// Every file below `folder`, with its size.
pub fn files_below(folder: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder or file may go away while it is looked at.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => {
                    files.insert((entry.path(), metadata.len()));
                }
                Err(_) => {}
            }
        }
    }
    files
}
