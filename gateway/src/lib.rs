//! The gateway: the documented JSON API on one side, the services' gRPC on the other, and nothing in between but their
//! translation and what protects them: tokens, limits, timeouts.

mod address;
mod around;
mod auth;
mod body;
mod chat;
pub mod config;
mod envelope;
mod error;
mod figures;
mod idempotency;
mod json;
mod limit;
mod multipart;
mod openapi;
mod places;
mod query;
mod realtime;
mod routes;
mod serve;
mod state;
mod value;
mod waiting;

use std::sync::Arc;

use chatroom_kit::{account_feed::AccountFeed, auth::Verifier, bus::Bus, link::Link, service_token::ServiceTokens};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{serve::Seats, state::Shared};

pub use serve::Patience;

/// What a gateway stands on.
pub struct Gateway {
    /// The way to the user service.
    pub user: Link,
    /// The way to the merchant service.
    pub merchant: Link,
    /// The way to the group service.
    pub group: Link,
    /// The way to the file service.
    pub file: Link,
    /// The way hints come from the group service, and between gateways.
    pub bus: Bus,
    /// What the gateway calls with where no user stands behind a call.
    pub service_tokens: ServiceTokens,
    /// What is heard of accounts.
    pub accounts: AccountFeed,
    /// What verifies the callers' tokens.
    pub verifier: Verifier,
    /// The rules.
    pub settings: config::Settings,
}

/// Serves HTTP and WebSockets until `stop`, then lets the requests under way end and closes the sockets, for a while.
pub async fn serve(listener: TcpListener, gateway: Gateway, stop: CancellationToken) -> anyhow::Result<()> {
    serve_with(listener, gateway, Patience::default(), stop).await
}

/// [`serve`] with another patience than the documented one.
pub async fn serve_with(
    listener: TcpListener,
    gateway: Gateway,
    patience: Patience,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    let settings = gateway.settings.clone();
    let app = Arc::new(Shared::new(gateway, stop.clone()));
    tokio::spawn({
        let (app, stop) = (app.clone(), stop.clone());
        async move { app.limits.keep_small(stop).await }
    });
    tokio::spawn({
        let (app, stop, changes) = (app.clone(), stop.clone(), app.accounts.profiles());
        async move { stop.run_until_cancelled(app.directory.follow(changes)).await }
    });
    let router = routes::router(&app, &settings.cors_origins, patience.budget)?;
    let serving = serve::run(listener, router, Seats::new(&settings), patience, stop);
    tokio::join!(serving, app.hub.drain(patience.drain));
    Ok(())
}
