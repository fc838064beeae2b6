//! Somebody's web server that webhooks are posted to.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU16, AtomicUsize, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::IntoResponse,
    routing::post,
};
use serde_json::Value;

/// What was posted.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Posted {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The places in the sequence that it tells of.
    pub(crate) fn places(&self) -> Vec<i64> {
        self.json()["events"].as_array().unwrap().iter().map(|event| event["seq"].as_i64().unwrap()).collect()
    }
}

/// A web server.
#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    posted: Mutex<Vec<Posted>>,
    status: AtomicU16,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Receiver {
    /// One that answers 200.
    pub(crate) async fn start() -> Self {
        let shared = Arc::new(Shared {
            posted: Mutex::default(),
            status: AtomicU16::new(200),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let routes = Router::new().route("/{*path}", post(receive)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    /// Answers this from now on.
    pub(crate) fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.shared.posted.lock().unwrap().clone()
    }

    /// How many were posted at the same time at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    /// The places in a sequence that it was told of, in the order in which it was.
    pub(crate) fn places(&self) -> Vec<i64> {
        self.posted().iter().flat_map(Posted::places).collect()
    }
}

async fn receive(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let status = StatusCode::from_u16(shared.status.load(Ordering::SeqCst)).unwrap();
    let now = shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
    shared.most_at_once.fetch_max(now, Ordering::SeqCst);
    shared.posted.lock().unwrap().push(Posted { headers, body });
    // Long enough for whoever would post beside it.
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    shared.at_once.fetch_sub(1, Ordering::SeqCst);
    (status, [(LOCATION, "/elsewhere")])
}
