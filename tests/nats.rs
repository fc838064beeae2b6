//! The bus between the processes of a cluster: a NATS server with the configuration that is deployed, permissions
//! included, on a port of its own.

use std::{
    env,
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    ports::free_address,
    process::{PATIENCE, Process},
};

const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/k8s/components/nats/nats.conf");

/// A NATS server.
#[derive(Debug)]
pub struct Nats {
    address: SocketAddr,
    process: Option<Process>,
}

impl Nats {
    /// Starts a server and waits until it listens.
    pub fn start() -> Self {
        let mut nats = Self { address: free_address(), process: None };
        nats.restart();
        nats
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it at once.
    pub fn kill(&mut self) {
        // Dropping a process kills it.
        self.process = None;
    }

    /// Starts it on the address that it had, knowing nothing of what was.
    pub fn restart(&mut self) {
        let mut command = Command::new(binary());
        command
            .args(["--config", CONFIG, "--addr", "127.0.0.1", "--port", &self.address.port().to_string()])
            .args(["--http_port", &free_address().port().to_string()])
            .envs([("NATS_GROUP_PASSWORD", "group"), ("NATS_GATEWAY_PASSWORD", "gateway")])
            .stdin(Stdio::null());
        self.process = Some(Process::spawn("nats-server", command));
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            assert!(Instant::now() < deadline, "the NATS server does not listen: {:?}", self.lines());
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn lines(&self) -> Vec<String> {
        self.process.as_ref().map(Process::lines).unwrap_or_default()
    }
}

/// The address of a server at `address` as it is given to `user`: `group` or `gateway`.
pub(crate) fn url(user: &str, address: SocketAddr) -> String {
    format!("nats://{user}:{user}@{address}")
}

fn binary() -> PathBuf {
    if let Some(named) = env::var_os("CHATROOM_TEST_NATS_SERVER") {
        return named.into();
    }
    let test = env::current_exe().expect("a running test has a path");
    let installed = test.ancestors().map(|folder| folder.join("tools/nats/bin/nats-server")).find(|path| path.exists());
    installed.expect("a NATS server is missing: run tests/run.sh, or name one in CHATROOM_TEST_NATS_SERVER")
}
