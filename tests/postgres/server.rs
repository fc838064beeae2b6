//! A PostgreSQL server of a test's own, which can be stopped, killed and started again on what it has written. Keeps its
//! promises: nothing that makes it forget is set.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};
use sqlx::{Connection as _, PgConnection};
use tempfile::TempDir;

use crate::{ports::free_address, process::PATIENCE};

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(10);

/// A PostgreSQL server. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    binaries: PathBuf,
    /// The user and group to run as, where this process may not: PostgreSQL refuses to run as root.
    account: Option<(u32, u32)>,
    process: Option<Child>,
    place: TempDir,
}

impl Server {
    /// Makes a server and waits until it answers.
    pub async fn start() -> Self {
        let place = tempfile::tempdir().expect("a folder can be made");
        let account = rustix::process::getuid().is_root().then(postgres_account);
        if let Some((user, group)) = account {
            chown(place.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        let mut server = Self { address: free_address(), binaries: binaries(), account, process: None, place };
        let mut command = server.command("initdb");
        command.args(["--auth=trust", "--username=postgres", "--no-sync", "--pgdata"]).arg(server.data());
        let made = command.output().expect("initdb can be run");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        server.restart().await;
        server
    }

    /// The URL of its own database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address)
    }

    /// Kills it at once, as a crash of the machine would; its children end as soon as they notice.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // One that has ended already cannot be killed, which is as well.
            let _ = process.kill();
            process.wait().expect("a killed process ends");
        }
    }

    /// Stops it as an operator does who does not wait for its clients.
    pub fn stop(&mut self) {
        let Some(process) = &mut self.process else {
            return;
        };
        rustix::process::kill_process(Pid::from_child(process), Signal::INT).expect("the server is there");
        let deadline = Instant::now() + PATIENCE;
        while process.try_wait().expect("a child can be waited for").is_none() {
            assert!(Instant::now() < deadline, "the PostgreSQL server does not stop: {}", self.log());
            thread::sleep(PAUSE);
        }
        self.process = None;
    }

    /// Starts it on what it has written, and waits until it answers.
    pub async fn restart(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !self.answers().await {
            assert!(Instant::now() < deadline, "the PostgreSQL server does not answer: {}", self.log());
            self.ensure_started();
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Starts it where it does not run: it ends at once while children of one that was killed are still there.
    fn ensure_started(&mut self) {
        if self.process.as_mut().is_some_and(|process| matches!(process.try_wait(), Ok(None))) {
            return;
        }
        let log = fs::File::options().create(true).append(true).open(self.log_file()).expect("a log can be written");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-p", &self.address.port().to_string()]);
        for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=500"] {
            command.args(["-c", setting]);
        }
        command.stdout(Stdio::null()).stderr(log);
        self.process = Some(command.spawn().expect("PostgreSQL can be started"));
    }

    async fn answers(&self) -> bool {
        let connected = tokio::time::timeout(Duration::from_secs(1), PgConnection::connect(&self.url())).await;
        matches!(connected, Ok(Ok(_)))
    }

    fn command(&self, binary: &str) -> Command {
        let mut command = Command::new(self.binaries.join(binary));
        command.stdin(Stdio::null()).current_dir(self.place.path());
        if let Some((user, group)) = self.account {
            command.uid(user).gid(group);
        }
        command
    }

    fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    fn log_file(&self) -> PathBuf {
        self.place.path().join("log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where the newest PostgreSQL's binaries are, as Debian and Ubuntu install them.
fn binaries() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|entry| entry.path()).max_by_key(|path| version(path));
    newest.expect("there is no PostgreSQL: run tests/run.sh, which installs it").join("bin")
}

/// The user and group of the account `postgres`, which its package makes.
fn postgres_account() -> (u32, u32) {
    let accounts = fs::read_to_string("/etc/passwd").expect("there is a list of accounts");
    let account = accounts.lines().find_map(|line| line.strip_prefix("postgres:"));
    let mut numbers = account.expect("there is an account postgres").split(':').skip(1).map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(user)), Some(Ok(group))) => (user, group),
        _ => unreachable!("an account has a user and a group"),
    }
}
