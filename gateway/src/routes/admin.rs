//! What administrators do: `/h5/admin/*`.

mod account;
mod audit;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::state::App;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(account::find))
        .routes(routes!(account::disable))
        .routes(routes!(account::enable))
        .routes(routes!(account::log_out))
        .routes(routes!(audit::account::list))
        .routes(routes!(audit::page::list))
        .routes(routes!(audit::moderation::list))
}
