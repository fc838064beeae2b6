//! How a process begins and ends: signals, listeners, probes, and a drain that never hangs. Owns no settings.

use std::{io, net::SocketAddr, process::ExitCode, time::Duration};

use anyhow::Context as _;
use axum::{Router, routing};
use futures::StreamExt as _;
use tokio::{
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};
use tonic_health::ServingStatus;

use crate::{
    link::{CONNECTION_WINDOW, MESSAGE_MAX, STREAM_WINDOW},
    telemetry::Figures,
    tls::Tls,
};

/// How long a service that has been told to stop still takes calls, so that its callers, who ask for its health each
/// second, have gone elsewhere before it closes its door.
const NOTICE: Duration = Duration::from_millis(1500);
/// How long calls under way may take to end once a process has been told to stop. tonic's own graceful stop has no
/// bound: one open stream or silent peer would hold it for ever (tonic #1820).
const DRAIN: Duration = Duration::from_secs(8);
/// How long to wait where a connection cannot be accepted.
const BACKOFF: Duration = Duration::from_millis(50);

/// Fires when the process is told to stop (SIGTERM or SIGINT).
pub fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        token.cancel();
    });
    Ok(stop)
}

/// The exit code of a process, and on failure one line that says why.
pub fn exit_code(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}

/// Listens on `address`; port 0 means any that is free.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// Serves gRPC routes with health and reflection until `stop`, then lets the calls under way end, for a while. With
/// `tls`, only peers that prove themselves are served.
pub async fn serve_rpc(
    listener: TcpListener,
    routes: Routes,
    tls: Option<Tls>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_service_status("", ServingStatus::Serving).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(chatroom_proto::DESCRIPTORS)
        .build_v1()
        .context("the descriptors are malformed")?;
    tracing::info!(address = %listener.local_addr()?, "listening");
    let closing = CancellationToken::new();
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .http2_max_header_list_size(32 << 10)
        .max_frame_size(Some(256 << 10))
        .add_routes(routes)
        .add_service(health_service.max_decoding_message_size(MESSAGE_MAX))
        .add_service(reflection);
    let closed = closing.clone().cancelled_owned();
    let serving = async move {
        if let Some(tls) = tls {
            return server.serve_with_incoming_shutdown(tls.incoming(listener), closed).await;
        }
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true)).then(paced);
        server.serve_with_incoming_shutdown(incoming, closed).await
    };
    let announce = async {
        stop.cancelled().await;
        health.set_service_status("", ServingStatus::NotServing).await;
        tokio::time::sleep(NOTICE).await;
        closing.cancel();
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        outcome = serving => outcome.context("the server failed"),
        () = announce => {
            tracing::warn!("calls still under way were cut off");
            Ok(())
        }
    }
}

/// Lets some time pass where a connection cannot be accepted: out of file descriptors, most likely, and others must end
/// first. tonic tries again at once, which takes a core just when it is needed.
async fn paced(accepted: io::Result<TcpStream>) -> io::Result<TcpStream> {
    if let Err(error) = &accepted {
        tracing::warn!(%error, "a connection cannot be accepted");
        tokio::time::sleep(BACKOFF).await;
    }
    accepted
}

/// Serves operators on `address` until `stop`: /livez while the process turns, /readyz until it is told to stop, and
/// /metrics. None of the three asks a dependency: an outage of the database must not empty every Service.
pub async fn serve_admin(address: SocketAddr, figures: Figures, stop: CancellationToken) -> anyhow::Result<()> {
    let listener = listen(address).await?;
    tracing::info!(address = %listener.local_addr()?, "admin listening");
    let draining = stop.clone();
    let ready = move || async move {
        if draining.is_cancelled() {
            (http::StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        } else {
            (http::StatusCode::OK, "ready\n")
        }
    };
    let router = Router::new()
        .route("/livez", routing::get(|| async { "live\n" }))
        .route("/readyz", routing::get(ready))
        .route("/metrics", routing::get(|| async move { figures.text() }));
    // Ends with the process: it answers "draining" until the very end.
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(())
}
