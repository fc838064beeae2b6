//! Whether the limit answers what the product answers: a comparison of different work would say nothing.

use anyhow::{Context as _, ensure};

use crate::{load::Target, route::Route};

/// How many of a route's requests are compared.
const TURNS: usize = 20;

/// Fails where the product and the limit answer the first requests of a route differently.
pub(crate) async fn check(route: Route, product: &Target, limit: &Target) -> anyhow::Result<()> {
    for _ in 0..TURNS {
        let (status, body) = product.answer().await.context("the product does not answer")?;
        let (limit_status, limit_body) = limit.answer().await.context("the limit does not answer")?;
        let same = status == limit_status && (body == limit_body || (is_new(route) && body.len() == limit_body.len()));
        ensure!(
            same,
            "{route}: the product answers {status} {}\nbut the limit {limit_status} {}",
            String::from_utf8_lossy(&body),
            String::from_utf8_lossy(&limit_body)
        );
    }
    Ok(())
}

/// Whether ids, times or tokens in the answer are made for it; its length is then the same and nothing else.
fn is_new(route: Route) -> bool {
    matches!(route, Route::Join | Route::Mixed | Route::Login)
}
