//! One server process: started from its real binary, watched by its log, ended with its owner. Knows nothing of what
//! the process does.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal};
use serde_json::Value;

/// How long anything that a process does by itself may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The environment of a process: nothing of ours but what is named here reaches it.
pub type Environment = BTreeMap<&'static str, String>;

/// A server process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: &'static str,
    child: Child,
    log: Arc<Log>,
}

/// What a process has written to its standard error so far.
#[derive(Debug, Default)]
struct Log {
    state: Mutex<LogState>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct LogState {
    lines: Vec<String>,
    ended: bool,
}

/// Lets this process and those that it starts open as many files as the system allows: some shells start with few.
pub fn allow_many_files() {
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, ..limit };
    rustix::process::setrlimit(Resource::Nofile, most).expect("a soft limit can be raised to the hard one");
}

/// A command for the binary `name` in a clean environment: the one in the folder that `CHATROOM_TEST_BINARIES` names, or
/// else the one beside the running test.
pub fn command(name: &str, environment: &Environment) -> Command {
    let mut command = Command::new(binary(name));
    for (variable, _) in env::vars_os() {
        let ours = variable
            .to_str()
            .is_some_and(|text| ["CHATROOM_", "OTEL_", "AWS_", "RUST_LOG"].iter().any(|start| text.starts_with(start)));
        if ours {
            command.env_remove(variable);
        }
    }
    command.envs(environment).stdin(Stdio::null());
    command
}

/// Runs the binary `name` to its end; one that comes to none is killed.
pub fn run(name: &str, arguments: &[&str], environment: &Environment) -> Output {
    let mut command = command(name, environment);
    let command = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the binary can be started");
    let process = Pid::from_child(&child);
    let (ended, end) = mpsc::channel::<()>();
    let watch = thread::spawn(move || {
        if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            // One that has just ended needs no killing.
            let _ = rustix::process::kill_process(process, Signal::KILL);
        }
    });
    let output = child.wait_with_output().expect("what it says can be read");
    drop(ended);
    watch.join().expect("nothing in it panics");
    output
}

fn binary(name: &str) -> PathBuf {
    if let Some(folder) = env::var_os("CHATROOM_TEST_BINARIES") {
        return PathBuf::from(folder).join(name);
    }
    let test = env::current_exe().expect("a running test has a path");
    let profile = test
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .expect("a test lies in a folder");
    let binary = profile.join(name);
    assert!(
        binary.exists(),
        "{} is missing: run tests/run.sh, or cargo build --workspace with the profile of this test",
        binary.display()
    );
    binary
}

impl Process {
    /// Starts the binary `name`.
    pub fn start(name: &'static str, environment: &Environment) -> Self {
        Self::spawn(name, command(name, environment))
    }

    /// Starts a command that runs the binary `name`.
    pub fn spawn(name: &'static str, mut command: Command) -> Self {
        let mut child =
            command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary can be started");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("standard error is piped");
        let reader = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n') {
                let Ok(line) = line else { break };
                reader.push(String::from_utf8_lossy(&line).into_owned());
            }
            reader.end();
        });
        Self { name, child, log }
    }

    /// The binary's name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The address it serves on, once it does.
    pub fn address(&self) -> SocketAddr {
        self.logged_address("listening")
    }

    /// The address of its operators' listener, once it serves there.
    pub fn admin_address(&self) -> SocketAddr {
        self.logged_address("admin listening")
    }

    fn logged_address(&self, message: &str) -> SocketAddr {
        let line = self.wait_for_line(|line| line["message"] == message && line["address"].is_string());
        let address = line["address"].as_str().unwrap_or_default();
        address.parse().expect("the logged address is one")
    }

    /// The first line of the log, past or to come, that `wanted` accepts.
    pub fn wait_for_line(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.log.lock();
        let mut looked_at = 0;
        loop {
            let fresh = state.lines.iter().skip(looked_at);
            if let Some(line) = fresh.filter_map(|line| serde_json::from_str(line).ok()).find(|line| wanted(line)) {
                return line;
            }
            looked_at = state.lines.len();
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!state.ended, "{} ended early:\n{}", self.name, state.lines.join("\n"));
            assert!(!left.is_zero(), "{} never logged what was awaited:\n{}", self.name, state.lines.join("\n"));
            state = self.log.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Every line logged so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.lock().lines.clone()
    }

    /// Whether it has not ended.
    pub fn runs(&self) -> bool {
        !self.log.lock().ended
    }

    /// Stops it in the middle of whatever it does, as a machine that hangs would; [`Self::thaw`] lets it go on.
    pub fn freeze(&self) {
        rustix::process::kill_process(self.pid(), Signal::STOP).expect("the process is there");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        rustix::process::kill_process(self.pid(), Signal::CONT).expect("the process is there");
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        rustix::process::kill_process(self.pid(), Signal::TERM).expect("the process is there");
    }

    /// Kills it at once and waits until it is gone.
    pub fn kill(&mut self) {
        // One that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        self.child.wait().expect("a killed process ends");
        self.wait_for_log_end();
    }

    /// Waits until it has ended by itself; nothing where it has not within `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                self.wait_for_log_end();
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// The most memory it has used since [`Self::forget_peak_memory`], in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux reports VmHWM");
        let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("VmHWM is a number of kB");
        kibibytes * 1024
    }

    /// Lets [`Self::peak_memory`] begin anew at what is used now.
    pub fn forget_peak_memory(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").expect("the process is ours");
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn wait_for_log_end(&self) {
        let mut state = self.log.lock();
        while !state.ended {
            state = self.log.grown.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, line: String) {
        self.lock().lines.push(line);
        self.grown.notify_all();
    }

    fn end(&self) {
        self.lock().ended = true;
        self.grown.notify_all();
    }
}
