//! A real browser without a window, told what to do over the Chrome DevTools Protocol. Shows what pages do; judges nothing.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use crate::process::{PATIENCE, Process};

/// A running Chromium. Dropping it ends it.
#[derive(Debug)]
pub struct Browser {
    connection: Connection,
    _process: Process,
    _profile: TempDir,
}

/// What happened on a page.
#[derive(Debug)]
pub struct Visit {
    events: Vec<Value>,
}

impl Browser {
    /// Starts the browser that `CHATROOM_TEST_CHROMIUM` names, or else `chromium`.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder can be made");
        let mut command = Command::new(binary());
        command
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
            .args(["--remote-debugging-port=0", "about:blank"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // It is ended without a word, and clears nothing away.
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null());
        let process = Process::spawn("chromium", command);
        let Some(address) = address(profile.path()).await else {
            panic!("Chromium does not listen: {:?}", process.lines());
        };
        let (stream, _) = tokio_tungstenite::connect_async(address).await.expect("Chromium listens");
        let mut connection = Connection { stream, next_id: 0, events: Vec::new() };
        // A file that is saved is on no page any more, and nobody would clear it away.
        connection.call("", "Browser.setDownloadBehavior", json!({"behavior": "deny"})).await;
        Self { connection, _process: process, _profile: profile }
    }

    /// Opens `url` on a page of its own, and answers what happened there until it had loaded, frames and scripts
    /// included, or turned out to be a download.
    pub async fn visit(&mut self, url: &str) -> Visit {
        let visit = timeout(PATIENCE, self.connection.visit(url)).await;
        visit.unwrap_or_else(|_| panic!("{url} never loaded: {:?}", self.connection.events))
    }
}

impl Visit {
    /// Whether a script wrote `words` to the console, on the page itself or in a frame.
    pub fn logged(&self, words: &str) -> bool {
        let mut logged = self.events.iter().filter(|event| event["method"] == "Runtime.consoleAPICalled");
        logged.any(|event| event["params"]["args"][0]["value"] == words)
    }

    /// Whether the server answered a request for `url` with 200.
    pub fn received(&self, url: &str) -> bool {
        let mut answers = self.events.iter().filter(|event| event["method"] == "Network.responseReceived");
        answers.any(|event| {
            let answer = &event["params"]["response"];
            answer["url"] == url && answer["status"] == 200
        })
    }
}

#[derive(Debug)]
struct Connection {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    next_id: u64,
    /// What has happened on the page that is open.
    events: Vec<Value>,
}

impl Connection {
    async fn visit(&mut self, url: &str) -> Visit {
        let target = self.call("", "Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("", "Target.attachToTarget", attach).await;
        let session = attached["sessionId"].as_str().expect("a session has an id").to_owned();
        self.call(&session, "Page.enable", json!({})).await;
        self.call(&session, "Page.setLifecycleEventsEnabled", json!({"enabled": true})).await;
        for (method, parameters) in watching() {
            self.call(&session, method, parameters).await;
        }
        self.events.clear();
        let navigated = self.call(&session, "Page.navigate", json!({"url": url})).await;
        // A download leaves the page as it was, which is said at once.
        if navigated["errorText"].is_null() {
            self.wait_for_load(&navigated["loaderId"]).await;
        }
        // Whatever the page said before this is answered has come before the answer.
        self.call(&session, "Page.getFrameTree", json!({})).await;
        self.call("", "Target.closeTarget", json!({"targetId": target["targetId"]})).await;
        Visit { events: std::mem::take(&mut self.events) }
    }

    async fn wait_for_load(&mut self, loader: &Value) {
        let is_it = |event: &Value| {
            let parameters = &event["params"];
            event["method"] == "Page.lifecycleEvent"
                && parameters["name"] == "load"
                && parameters["loaderId"] == *loader
        };
        while !self.events.iter().any(is_it) {
            let event = self.receive().await;
            self.note(event).await;
        }
    }

    /// Calls a method, of the browser where `session` is empty, and answers its result.
    async fn call(&mut self, session: &str, method: &str, parameters: Value) -> Value {
        let id = self.send(session, method, parameters).await;
        loop {
            let mut frame = self.receive().await;
            if frame["id"] == id {
                assert!(frame["error"].is_null(), "{method}: {frame}");
                return frame["result"].take();
            }
            self.note(frame).await;
        }
    }

    async fn send(&mut self, session: &str, method: &str, parameters: Value) -> u64 {
        self.next_id += 1;
        let mut frame = json!({"id": self.next_id, "method": method, "params": parameters});
        if !session.is_empty() {
            frame["sessionId"] = json!(session);
        }
        self.stream.send(Message::text(frame.to_string())).await.expect("Chromium listens");
        self.next_id
    }

    async fn receive(&mut self) -> Value {
        loop {
            match self.stream.next().await.expect("Chromium runs").expect("Chromium speaks") {
                Message::Text(text) => return serde_json::from_str(&text).expect("Chromium speaks JSON"),
                Message::Close(_) => panic!("Chromium has ended"),
                _ => {}
            }
        }
    }

    /// Remembers an event. A frame in a process of its own is watched before it runs anything.
    async fn note(&mut self, event: Value) {
        if event["method"] == "Target.attachedToTarget"
            && event["params"]["waitingForDebugger"] == true
            && let Some(session) = event["params"]["sessionId"].as_str()
        {
            for (method, parameters) in watching() {
                self.send(session, method, parameters).await;
            }
            self.send(session, "Runtime.runIfWaitingForDebugger", json!({})).await;
        }
        if event["method"].is_string() {
            self.events.push(event);
        }
    }
}

/// What is asked of every page and of every frame that has a process of its own.
fn watching() -> [(&'static str, Value); 3] {
    let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": true, "flatten": true});
    [("Runtime.enable", json!({})), ("Network.enable", json!({})), ("Target.setAutoAttach", attach)]
}

/// Where the browser of a profile can be spoken to, once it has written it down.
async fn address(profile: &Path) -> Option<String> {
    let written = async {
        loop {
            let text = tokio::fs::read_to_string(profile.join("DevToolsActivePort")).await.unwrap_or_default();
            if let Some((port, path)) = text.split_once('\n')
                && !path.is_empty()
            {
                return format!("ws://127.0.0.1:{port}{path}");
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    // The first start of all makes its caches.
    timeout(4 * PATIENCE, written).await.ok()
}

fn binary() -> PathBuf {
    if let Some(named) = env::var_os("CHATROOM_TEST_CHROMIUM") {
        return named.into();
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&folders).map(|folder| folder.join("chromium")).find(|path| path.exists());
    installed.expect("Chromium is missing: run tests/run.sh, or name one in CHATROOM_TEST_CHROMIUM")
}
