//! The public keys that tokens are verified with: `/.well-known/jwks.json`.

use axum::{extract::State, response::IntoResponse};
use http::header;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(jwks))
}

/// The public keys in force, as a JSON Web Key Set (RFC 7517)
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "operation", operation_id = "jwks",
    responses((status = 200, description = "The keys", content_type = "application/jwk-set+json", body = Object))
)]
async fn jwks(State(app): State<App>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "application/jwk-set+json"),
        // A key is published before it signs anything; this is how long before.
        (header::CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, app.verifier.jwks().to_string())
}
