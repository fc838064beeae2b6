//! What each guard of the link between services costs: CPU time of caller and service together, for a call over
//! loopback that asks and answers next to nothing. `cargo bench -p chatroom-kit --features testing --bench link`.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on has failed")]

use std::{convert::Infallible, env, time::Duration};

use bytes::Bytes;
use chatroom_kit::{
    config::TelemetryConfig,
    link::{CallContext, Link},
    rpc, telemetry,
};
use futures::future::join_all;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use rustix::time::{ClockId, clock_gettime};
use tokio::{net::TcpListener, process::Command};
use tonic::{
    Status,
    body::Body,
    service::Routes,
    transport::{Channel, Server, server::TcpIncoming},
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::{ServiceExt as _, service_fn, util::BoxCloneSyncService};

/// How many calls each caller makes for one sample.
const SAMPLE: u32 = 625;
/// How many samples are taken of each way, by turns; the median counts.
const SAMPLES: usize = 9;
/// How many calls are under way at once.
const AT_ONCE: u32 = 32;
/// Tells the process that is to export its traces what it is.
const EXPORTING: &str = "exporting";

/// A way to the service.
type Way = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let _telemetry =
        telemetry::start("bench", &TelemetryConfig { log: "info".into(), log_format: None }).expect("it can start");
    let service = serve(rpc::surround(health().await, None)).await;
    if env::args().any(|argument| argument == EXPORTING) {
        return report(&[("and every span exported", within_time(linked(&[&service])))]).await;
    }
    let (bare, another) = (serve(health().await).await, serve(rpc::surround(health().await, None)).await);
    report(&[
        ("tonic by itself", channel(&bare)),
        ("and what stands around an RPC at the service", channel(&service)),
        ("and request and answer kept whole, to be repeated", kept(channel(&service))),
        ("and the link: balanced, checked, given up when silent", linked(&[&service])),
        ("and the caller's deadline", within_time(linked(&[&service]))),
        ("and two replicas", within_time(linked(&[&service, &another]))),
    ])
    .await;
    measure_exporting().await;
}

/// The same, once more in a process that exports its traces here: what taking them costs is not its own.
async fn measure_exporting() {
    let routes = Routes::new(TraceServiceServer::new(Taker)).add_service(MetricsServiceServer::new(Taker));
    let mut exporting = Command::new(env::current_exe().expect("a process knows its program"))
        .arg(EXPORTING)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", serve(routes).await)
        .spawn()
        .expect("it can be started");
    exporting.wait().await.expect("it was started here");
}

/// A service that answers at once, so that only the way to it costs.
async fn health() -> Routes {
    let (reporter, service) = tonic_health::server::health_reporter();
    reporter.set_service_status("", tonic_health::ServingStatus::Serving).await;
    Routes::new(service)
}

/// Serves `routes` and answers where.
async fn serve(routes: Routes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    tokio::spawn(Server::builder().add_routes(routes).serve_with_incoming(incoming));
    url
}

fn channel(url: &str) -> Way {
    let channel = Channel::from_shared(url.to_owned()).expect("it is well formed").tcp_nodelay(true).connect_lazy();
    Way::new(channel.map_err(|error| -> Infallible { panic!("{error}") }))
}

fn kept(way: Way) -> Way {
    Way::new(service_fn(move |request: Request<Body>| {
        let way = way.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.expect("it is whole").to_bytes();
            let Ok(answer) = way.oneshot(Request::from_parts(head.clone(), whole(body.clone()))).await;
            let (head, body) = answer.into_parts();
            let body = body.collect().await.expect("it is whole");
            Ok(Response::from_parts(head, Body::new(body)))
        }
    }))
}

fn whole(body: Bytes) -> Body {
    Body::new(Full::new(body))
}

fn linked(urls: &[&str]) -> Way {
    let urls: Vec<_> = urls.iter().map(|url| url.parse().expect("it is well formed")).collect();
    Way::new(Link::connect(&urls, None).expect("the addresses can be used"))
}

fn within_time(way: Way) -> Way {
    Way::new(service_fn(move |request| {
        CallContext::new(Some(Duration::from_secs(5)), None).scope(way.clone().oneshot(request))
    }))
}

/// Measures the ways by turns, and prints the median of each.
async fn report(ways: &[(&str, Way)]) {
    let mut samples = vec![Vec::new(); ways.len()];
    for _ in 0..SAMPLES {
        for ((_, way), samples) in ways.iter().zip(&mut samples) {
            samples.push(sample(way).await);
        }
    }
    for ((name, _), mut samples) in ways.iter().zip(samples) {
        samples.sort_by(f64::total_cmp);
        println!("{name}: {:.1} µs", samples[SAMPLES / 2]);
    }
}

/// The CPU time of a call, in microseconds.
async fn sample(way: &Way) -> f64 {
    let client = HealthClient::new(way.clone());
    let caller = async || {
        for _ in 0..SAMPLE {
            client.clone().check(HealthCheckRequest::default()).await.expect("it answers");
        }
    };
    let before = cpu_time();
    join_all((0..AT_ONCE).map(|_| caller())).await;
    cpu_time().saturating_sub(before).as_secs_f64() * 1e6 / f64::from(SAMPLE * AT_ONCE)
}

/// What this process has used, all its threads together.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("it is not negative")
}

/// Takes what is exported, and drops it.
struct Taker;

#[tonic::async_trait]
impl TraceService for Taker {
    async fn export(
        &self,
        _: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, Status> {
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Taker {
    async fn export(
        &self,
        _: tonic::Request<ExportMetricsServiceRequest>,
    ) -> Result<tonic::Response<ExportMetricsServiceResponse>, Status> {
        Ok(tonic::Response::new(ExportMetricsServiceResponse::default()))
    }
}
