//! Logs, traces and figures. Logs go to standard error; traces and figures are exported over OTLP where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is set, and the figures can be scraped. Owns the subscribers and the span around an
//! RPC; what is worth a line or a span is said where it happens.

use std::{
    env,
    io::{self, IsTerminal as _},
    sync::OnceLock,
    time::Duration,
};

use anyhow::Context as _;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use opentelemetry::{
    KeyValue, global,
    metrics::{Histogram, UpDownCounter},
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    Resource, metrics::SdkMeterProvider, propagation::TraceContextPropagator, trace::SdkTracerProvider,
};
use prometheus::{Encoder as _, Registry, TextEncoder};
use tracing::{Span, info_span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry as SpanRegistry,
    filter::filter_fn,
    fmt,
    layer::{Layered, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::config::{LogFormat, TelemetryConfig};

/// Upper bounds of a duration histogram, in seconds. The SDK's own are meant for milliseconds: every call of less than
/// five seconds would fall into the first.
pub const DURATION_BOUNDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Whether traces are exported: where not, nothing is spent on carrying them.
static EXPORTING: OnceLock<bool> = OnceLock::new();

/// The running exporters of a process.
pub struct Telemetry {
    tracer: Option<SdkTracerProvider>,
    meter: SdkMeterProvider,
    registry: Registry,
}

/// Starts logs, traces and figures for the process `service`.
pub fn start(service: &'static str, config: &TelemetryConfig) -> anyhow::Result<Telemetry> {
    let exporting = env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some_and(|endpoint| !endpoint.is_empty());
    let resource = Resource::builder().with_service_name(service).build();
    let tracer = exporting.then(|| tracer(resource.clone())).transpose()?;
    let registry = Registry::new();
    let meter = meter(resource, &registry, exporting)?;
    global::set_meter_provider(meter.clone());
    let filter = EnvFilter::try_new(&config.log).with_context(|| format!("RUST_LOG is malformed: {}", config.log))?;
    // Our own spans only: what the libraries trace of themselves would double every line of a trace.
    let span_layer = tracer.as_ref().map(|provider| {
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer(service))
            .with_filter(filter_fn(|metadata| metadata.target().starts_with("chatroom")))
    });
    tracing_subscriber::registry().with(span_layer).with(log_layer(config.log_format, filter)).init();
    // Set once: a process starts its telemetry once.
    let _ = EXPORTING.set(exporting);
    Ok(Telemetry { tracer, meter, registry })
}

type WithTraces<L> = Layered<L, SpanRegistry>;

fn log_layer<L>(
    format: Option<LogFormat>,
    filter: EnvFilter,
) -> Box<dyn tracing_subscriber::Layer<WithTraces<L>> + Send + Sync>
where
    L: tracing_subscriber::Layer<SpanRegistry> + Send + Sync + 'static,
{
    let terminal = io::stderr().is_terminal();
    let by_place = if terminal { LogFormat::Text } else { LogFormat::Json };
    match format.unwrap_or(by_place) {
        LogFormat::Text => fmt::layer().with_writer(io::stderr).with_ansi(terminal).with_filter(filter).boxed(),
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_writer(io::stderr).with_filter(filter).boxed(),
    }
}

fn tracer(resource: Resource) -> anyhow::Result<SdkTracerProvider> {
    let exporter = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .build()
        .context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

fn meter(resource: Resource, registry: &Registry, exporting: bool) -> anyhow::Result<SdkMeterProvider> {
    let scraped = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    let mut builder = SdkMeterProvider::builder().with_resource(resource).with_reader(scraped);
    if exporting {
        let exporter = opentelemetry_otlp::MetricExporter::builder()
            .with_tonic()
            .build()
            .context("OTEL_EXPORTER_OTLP_ENDPOINT cannot be used")?;
        builder = builder.with_periodic_exporter(exporter);
    }
    Ok(builder.build())
}

impl Telemetry {
    /// Where the figures of this process are gathered.
    pub fn figures(&self) -> Figures {
        Figures(self.registry.clone())
    }

    /// Sends what has not been sent yet, waiting a few seconds at most.
    pub fn flush(self) {
        const PATIENCE: Duration = Duration::from_secs(3);
        if let Some(tracer) = self.tracer
            && let Err(error) = tracer.shutdown_with_timeout(PATIENCE)
        {
            tracing::warn!(%error, "the last traces were lost");
        }
        if let Err(error) = self.meter.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "the last figures were lost");
        }
    }
}

/// The figures of a process.
#[derive(Clone)]
pub struct Figures(Registry);

impl Figures {
    /// As Prometheus reads them.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        if let Err(error) = TextEncoder::new().encode(&self.0.gather(), &mut text) {
            tracing::error!(%error, "figures cannot be written");
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// How long RPCs take and how they end, by method and never by caller or id.
#[derive(Clone)]
pub(crate) struct RpcFigures {
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
}

impl RpcFigures {
    pub(crate) fn new() -> Self {
        let meter = global::meter("chatroom");
        Self {
            duration: meter
                .f64_histogram("rpc.server.duration")
                .with_unit("s")
                .with_boundaries(DURATION_BOUNDS.to_vec())
                .build(),
            in_flight: meter.i64_up_down_counter("rpc.server.in_flight").build(),
        }
    }

    pub(crate) fn begin(&self, path: &str) -> RpcCall {
        let method = KeyValue::new("rpc.method", path.trim_start_matches('/').to_owned());
        self.in_flight.add(1, std::slice::from_ref(&method));
        RpcCall { figures: self.clone(), method }
    }
}

/// An RPC under way; dropping it unfinished counts it as gone.
pub(crate) struct RpcCall {
    figures: RpcFigures,
    method: KeyValue,
}

impl RpcCall {
    pub(crate) fn end(self, took: Duration, headers: &HeaderMap) {
        // A status in the headers means that there is no body: an error. Otherwise it follows the body, as OK.
        let code = headers.get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0").to_owned();
        self.figures.duration.record(took.as_secs_f64(), &[self.method.clone(), KeyValue::new("rpc.code", code)]);
    }
}

impl Drop for RpcCall {
    fn drop(&mut self) {
        self.figures.in_flight.add(-1, std::slice::from_ref(&self.method));
    }
}

/// The span around an RPC: below the caller's where it came over the network.
pub(crate) fn rpc_span<B>(request: &Request<B>, remote: bool, request_id: Option<&str>) -> Span {
    let span = info_span!("rpc", otel.name = tracing::field::Empty, otel.kind = "server", request.id = request_id);
    if exporting() {
        span.record("otel.name", span_name(request.uri().path()));
        if remote {
            let parent = TraceContextPropagator::new().extract(&Headers(request.headers()));
            // A span that is filtered away has no parent to set.
            let _ = span.set_parent(parent);
        }
    }
    span
}

/// The span around a call to another process: how much longer it takes than the other's own span is the network's, and
/// what repeating it costs. None where traces are not exported.
pub(crate) fn call_span(path: &str) -> Span {
    if exporting() { info_span!("call", otel.name = span_name(path), otel.kind = "client") } else { Span::none() }
}

/// `/chatroom.merchant.v1.MerchantService/JoinMerchant` as `merchant.rpc.JoinMerchant`.
fn span_name(path: &str) -> String {
    let mut parts = path.trim_start_matches('/').split('/');
    let service = parts.next().and_then(|service| service.split('.').nth(1)).unwrap_or("unknown");
    format!("{service}.rpc.{}", parts.next().unwrap_or_default())
}

/// Writes the present span into headers (W3C trace context), where traces are exported.
pub fn inject(headers: &mut HeaderMap) {
    if exporting() {
        let context = Span::current().context();
        TraceContextPropagator::new().inject_context(&context, &mut HeadersMut(headers));
    }
}

/// Sets the parent of `span` from headers (W3C trace context), where traces are exported.
pub fn adopt(span: &Span, headers: &HeaderMap) {
    if exporting() {
        let _ = span.set_parent(TraceContextPropagator::new().extract(&Headers(headers)));
    }
}

/// Whether traces are exported.
pub fn exporting() -> bool {
    EXPORTING.get().copied().unwrap_or(false)
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut HeaderMap);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(key.as_bytes()), HeaderValue::from_str(&value)) {
            self.0.insert(name, value);
        }
    }
}
