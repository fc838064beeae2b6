//! The description of the API: `/openapi.json`, and `/docs` for people, from assets inside the binary.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Router,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use chatroom_kit::error::INTERNAL;
use http::{StatusCode, Uri, header};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerFile};

use crate::{
    error::{NOT_FOUND, Refusal},
    state::App,
};

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";
/// Where the pages are.
const PAGES: &str = "/docs/";
/// The page loads nothing from elsewhere and talks to nobody else. It sets styles from its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn routes(document: &OpenApi) -> anyhow::Result<Router<App>> {
    let document = Bytes::from(document.to_json().context("the OpenAPI document cannot be written")?);
    let document = get(move || {
        let document = document.clone();
        async move { ([(header::CONTENT_TYPE, "application/json")], document) }
    });
    let pages = Router::new()
        .route("/docs", get(|| async { Redirect::permanent(PAGES) }))
        .route(PAGES, get(page))
        .route("/docs/{file}", get(page))
        .with_state(Arc::new(Config::from(DOCUMENT)));
    Ok(Router::new().route(DOCUMENT, document).merge(pages))
}

async fn page(State(config): State<Arc<Config<'static>>>, uri: Uri) -> Response {
    // As it stands in the path: none of the files has a name that needs an escape.
    let file = uri.path().strip_prefix(PAGES).unwrap_or_default();
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(SwaggerFile { bytes, content_type, gzpipped, .. })) => {
            let headers = [
                (header::CONTENT_TYPE, content_type.as_str()),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::CACHE_CONTROL, "public, max-age=3600"),
            ];
            // As the binary holds them, a quarter of their size. What shows the page is a browser, and all take gzip.
            let encoding = gzpipped.then_some([(header::CONTENT_ENCODING, "gzip")]);
            (StatusCode::OK, headers, encoding, bytes.into_owned()).into_response()
        }
        Ok(None) => Refusal::new(NOT_FOUND).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page of the API's description cannot be written");
            Refusal::new(INTERNAL).into_response()
        }
    }
}
