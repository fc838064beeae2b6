//! Webhooks: a page's creator runs a web server of their own, and is told what happens.

use std::{
    fmt::Write as _,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lc_rs::hmac;
use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use chatroom_kit::clock::Clock;
use chatroom_tests::{Shape, cluster::Part};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
    service::TowerToHyperService,
};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use super::room::Room;
use crate::{
    suite::{Scenario, scenarios},
    world::{World, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        scenarios![Own: events_arrive_over_https_and_none_is_lost_in_a_crash],
        scenarios![Shared: a_webhook_never_leads_inside],
    ]
    .concat()
}

const SECRET: &str = "0123456789abcdef0123";

/// A web server behind https.
struct Receiver {
    url: String,
    told: Arc<Told>,
}

#[derive(Default)]
struct Told {
    bodies: Mutex<Vec<Value>>,
    forged: AtomicUsize,
    away: AtomicBool,
}

impl Receiver {
    /// Starts one, whose certificate an authority has signed that stands in `authority` afterwards.
    async fn start(authority: &Path) -> Self {
        let told = Arc::new(Told::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let url = format!("https://{}/chat", listener.local_addr().expect("it listens"));
        let acceptor = TlsAcceptor::from(Arc::new(certificate(authority)));
        let routes = Router::new().route("/chat", post(receive)).with_state(told.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(routes.clone()));
                tokio::spawn(async move {
                    let stream = TokioIo::new(acceptor.accept(stream).await.expect("the sender trusts us"));
                    // A sender that is killed is no failure of the receiver.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(stream, service).await;
                });
            }
        });
        Self { url, told }
    }

    /// The words that have arrived, in order.
    fn words(&self) -> Vec<String> {
        let bodies = self.told.bodies.lock().expect("nobody has panicked");
        let events = bodies.iter().flat_map(|body| body["events"].as_array().expect("events").clone());
        events.filter_map(|event| event["message"]["content"]["text"].as_str().map(str::to_owned)).collect()
    }
}

/// A certificate for 127.0.0.1.
fn certificate(authority: &Path) -> ServerConfig {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate can be made");
    std::fs::write(authority, made.cert.pem()).expect("a file can be written");
    let key = made.signing_key.serialize_der().try_into().expect("a key is PKCS#8");
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate belong together")
}

async fn receive(State(told): State<Arc<Told>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if told.away.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    if !is_signed(&headers, &body) {
        told.forged.fetch_add(1, Ordering::SeqCst);
    }
    let body = serde_json::from_slice(&body).expect("a body is JSON");
    told.bodies.lock().expect("nobody has panicked").push(body);
    StatusCode::NO_CONTENT
}

/// As the protocol tells receivers to check.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (timestamp, signature) = (header("x-chatroom-timestamp"), header("x-chatroom-signature"));
    let age = timestamp.parse::<i64>().map(|seconds| Clock::system().now().timestamp() - seconds);
    let signed = [timestamp.as_bytes(), b".", body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &signed);
    let mut expected = String::from("v1=");
    for byte in tag.as_ref() {
        write!(expected, "{byte:02x}").expect("writing to a String cannot fail");
    }
    age.is_ok_and(|age| age.abs() < 300) && signature == expected
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), holds).await.unwrap_or_else(|_| panic!("not reached: {what}"));
}

async fn events_arrive_over_https_and_none_is_lost_in_a_crash(shape: Shape) {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let authority = folder.path().join("authority.pem");
    let receiver = Receiver::start(&authority).await;
    let cluster = usual(shape)
        .set("CHATROOM_WEBHOOK_ALLOW_PRIVATE", "true")
        // What a machine's trusted authorities are kept in, for every program on it.
        .set("SSL_CERT_FILE", authority.display().to_string());
    let mut world = World::own(cluster).await;
    let room = Room::new(&world).await;
    let body = json!({"merchant": room.page, "url": receiver.url, "secret": SECRET});
    let webhook = room.owner.client.post("/h5/merchant/webhook", &body).await.ok();
    assert!(!webhook.text.contains(SECRET));
    assert_eq!(webhook.data()["state"], "active");
    let mut said = Vec::new();
    for number in 0..3 {
        said.push(format!("第 {number} 句"));
        room.say(&room.owner, said.last().expect("something was said")).await;
    }
    until("the first three arrive", async || receiver.words() == said).await;
    receiver.told.away.store(true, Ordering::SeqCst);
    for number in 3..6 {
        said.push(format!("第 {number} 句"));
        room.say(&room.owner, said.last().expect("something was said")).await;
    }
    let listed = async || room.owner.client.get(&format!("/h5/merchant/webhook?merchant={}", text(&room.page))).await;
    until("it is shown to fail", async || listed().await.data()[0]["state"] == "failing").await;
    assert_eq!(listed().await.data()[0]["lastError"], "HTTP 503");
    let part = world.cluster.part_for(Part::Group);
    world.cluster_mut().kill(part);
    receiver.told.away.store(false, Ordering::SeqCst);
    world.cluster_mut().restart(part);
    until("the others arrive", async || receiver.words() == said).await;
    assert_eq!(receiver.told.forged.load(Ordering::SeqCst), 0);
}

fn text(value: &Value) -> &str {
    value.as_str().expect("an id is text")
}

async fn a_webhook_never_leads_inside(world: World) {
    let room = Room::new(&world).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let create = async |url: &str| {
        let body = json!({"merchant": room.page, "url": url, "secret": SECRET});
        room.owner.client.post("/h5/merchant/webhook", &body).await
    };
    for url in [
        format!("https://127.0.0.1:{port}/"),
        format!("https://[::ffff:7f00:1]:{port}/"),
        format!("https://2130706433:{port}/"),
        "https://169.254.169.254/latest/meta-data".to_owned(),
        format!("http://localhost:{port}/"),
    ] {
        let answer = create(&url).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{url}: {answer:?}");
    }
    // A name shows where it leads only when it is looked up.
    create(&format!("https://localhost:{port}/")).await.ok();
    room.say(&room.owner, "你好").await;
    let path = format!("/h5/merchant/webhook?merchant={}", text(&room.page));
    let webhook = async || room.owner.client.get(&path).await.ok().data()[0].clone();
    until("it is shown to fail", async || webhook().await["state"] == "failing").await;
    assert_eq!(webhook().await["lastError"], "the address is not on the public internet");
    assert!(tokio::time::timeout(Duration::ZERO, listener.accept()).await.is_err(), "somebody has called");
}
