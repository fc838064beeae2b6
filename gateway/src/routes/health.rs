//! Probes: `/healthz` and `/readyz`. Neither asks a service: an outage behind the gateway must not take it out of a load
//! balancer, whose own error page would replace our answers.

use axum::{extract::State, response::Response};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    envelope::{self, Envelope, ErrorEnvelope},
    error::{DRAINING, Refusal},
    state::App,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Whether the process turns
#[utoipa::path(
    get, path = "/healthz", tag = "operation", operation_id = "healthz",
    responses((status = 200, description = "It does", body = Envelope<String>))
)]
async fn live() -> Response {
    envelope::success("live")
}

/// Whether the process takes requests
#[utoipa::path(
    get, path = "/readyz", tag = "operation", operation_id = "readyz",
    responses(
        (status = 200, description = "It does", body = Envelope<String>),
        (status = 503, description = "`DRAINING`: it is about to end", body = ErrorEnvelope<'static>,
         headers(("Retry-After" = u64, description = "Seconds to wait")))
    )
)]
async fn ready(State(app): State<App>) -> Result<Response, Refusal> {
    if app.stop.is_cancelled() {
        return Err(Refusal::new(DRAINING));
    }
    Ok(envelope::success("ready"))
}
