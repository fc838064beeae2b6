//! An S3 server in a process of its own, which can be killed, stopped and kept from writing. Ends with its value.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use rustix::process::{Pid, Resource, Rlimit};

use super::served::make_bucket;
use crate::{
    ports::free_address,
    process::{Environment, Process},
};

/// The binary that serves.
const BINARY: &str = "chatroom-test-store";
/// The binary's setting for where it keeps its files.
pub const FOLDER: &str = "CHATROOM_TEST_STORE_FOLDER";
/// The binary's setting for where it listens.
pub const LISTEN: &str = "CHATROOM_TEST_STORE_LISTEN";

/// A server, while it runs, and where it keeps its files.
#[derive(Debug)]
pub(super) struct Detached {
    folder: PathBuf,
    process: Option<Process>,
}

impl Detached {
    /// Starts one with a bucket that keeps its files in `folder`; answers its address, too.
    pub(super) fn start(folder: &Path) -> (SocketAddr, Self) {
        make_bucket(folder);
        let mut store = Self { folder: folder.to_owned(), process: None };
        let address = free_address();
        store.restart(address);
        (address, store)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn process(&self) -> &Process {
        self.process.as_ref().expect("the store runs")
    }

    pub(super) fn kill(&mut self) {
        // Dropping a process kills it.
        self.process = None;
    }

    pub(super) fn restart(&mut self, address: SocketAddr) {
        let process = start_at(address, &self.folder);
        // It listens once its log names it.
        process.address();
        self.process = Some(process);
    }
}

/// Lets a process write no file beyond so many bytes, or any size again.
pub(super) fn limit_files(process: &Process, bytes: Option<u64>) {
    let pid = Pid::from_raw(process.id().cast_signed());
    let limit = Rlimit { current: bytes, maximum: None };
    rustix::process::prlimit(pid, Resource::Fsize, limit).expect("the process is ours and its limit was none");
}

fn start_at(address: SocketAddr, folder: &Path) -> Process {
    Process::start(BINARY, &Environment::from([(LISTEN, address.to_string()), (FOLDER, folder.display().to_string())]))
}
