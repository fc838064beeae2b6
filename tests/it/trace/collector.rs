//! An OpenTelemetry collector: takes what processes export over OTLP and keeps the spans. Judges nothing.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chatroom_tests::process::PATIENCE;
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
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tonic::{Request, Response, Status, transport::Server};

use super::span::{Span, Trace};

/// A running collector.
pub(super) struct Collector {
    address: SocketAddr,
    received: Arc<Received>,
    server: JoinHandle<()>,
}

/// What was exported so far.
#[derive(Default)]
struct Received {
    spans: Mutex<Vec<Span>>,
    grown: Notify,
}

impl Collector {
    /// Starts a collector on a port of its own.
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let received = Arc::<Received>::default();
        let (traces, metrics) = (Taker(received.clone()), Taker(received.clone()));
        let serving = Server::builder()
            .add_service(TraceServiceServer::new(traces))
            .add_service(MetricsServiceServer::new(metrics))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { serving.await.expect("a listener can be served on") });
        Self { address, received, server }
    }

    /// Where processes export to.
    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was exported so far.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.received.lock().clone()
    }

    /// The trace of the HTTP request that was answered with this `x-request-id`, once it is `whole`.
    pub(super) async fn trace_of(&self, request_id: &str, whole: impl Fn(&Trace) -> bool) -> Trace {
        let look = async {
            loop {
                let grown = self.received.grown.notified();
                if let Some(trace) = Trace::of_request(&self.spans(), request_id).filter(&whole) {
                    return trace;
                }
                // What has grown between the look and the wait is seen at the next turn.
                let _ = timeout(Duration::from_millis(100), grown).await;
            }
        };
        match timeout(PATIENCE, look).await {
            Ok(trace) => trace,
            Err(_) => match Trace::of_request(&self.spans(), request_id) {
                Some(trace) => panic!("the trace never was whole:\n{trace}"),
                None => panic!("nothing of the request {request_id} was exported"),
            },
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Received {
    fn lock(&self) -> MutexGuard<'_, Vec<Span>> {
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The collector as the exporters see it.
struct Taker(Arc<Received>);

#[tonic::async_trait]
impl TraceService for Taker {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let spans = request.into_inner().resource_spans.into_iter().flat_map(Span::of_process);
        self.0.lock().extend(spans);
        self.0.grown.notify_waiters();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Taker {
    async fn export(
        &self,
        _: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
