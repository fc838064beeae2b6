//! The routes, put together. Each module owns a service's routes and what they look like in JSON.

mod admin;
mod block;
mod conversation;
mod docs;
mod download;
mod group;
mod health;
mod keys;
mod merchant;
mod message;
mod report;
mod socket;
mod upload;
mod user;

use std::time::Duration;

use axum::Router;
use chatroom_kit::link::REQUEST_ID;
use http::{Method, header};
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    around::AroundLayer,
    auth::TOKEN,
    config::Origins,
    error::{METHOD_NOT_ALLOWED, NOT_FOUND, Refusal},
    idempotency::IDEMPOTENCY_KEY,
    openapi,
    state::App,
};

/// How long a browser may remember what an origin is allowed.
const PREFLIGHT_AGE: Duration = Duration::from_hours(1);

/// Every route, with everything around it. `budget` is how long a request may wait for the services.
pub(crate) fn router(app: &App, origins: &Origins, budget: Duration) -> anyhow::Result<Router> {
    let (routes, document) = OpenApiRouter::with_openapi(openapi::head())
        .merge(user::routes())
        .merge(merchant::routes())
        .merge(group::routes())
        .merge(conversation::routes())
        .merge(message::routes())
        .merge(block::routes())
        .merge(report::routes())
        .merge(socket::routes())
        .merge(admin::routes())
        .merge(upload::routes())
        .merge(download::routes())
        .merge(keys::routes())
        .merge(health::routes())
        .split_for_parts();
    let routes = routes
        .merge(docs::routes(&document)?)
        .fallback(|| async { Refusal::new(NOT_FOUND) })
        .method_not_allowed_fallback(|| async { Refusal::new(METHOD_NOT_ALLOWED) });
    // Inside what every answer goes through, so that a preflight's answer does too; absent where there is no origin to
    // allow, since every layer costs each request a little.
    let routes = if origins.as_slice().is_empty() { routes } else { routes.layer(cors(origins)) };
    Ok(routes.layer(AroundLayer::new(app.clone(), budget)).with_state(app.clone()))
}

fn cors(origins: &Origins) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(origins.as_slice().to_vec())
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([TOKEN, header::AUTHORIZATION, header::CONTENT_TYPE, IDEMPOTENCY_KEY, header::RANGE])
        .expose_headers([REQUEST_ID, header::RETRY_AFTER, header::CONTENT_RANGE])
        .max_age(PREFLIGHT_AGE)
}
