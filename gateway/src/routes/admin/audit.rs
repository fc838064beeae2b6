//! Who did what to whom: to accounts, to pages, about messages. Each service keeps its own record of it.

pub(super) mod account;
pub(super) mod moderation;
pub(super) mod page;

use serde::Deserialize;
use utoipa::IntoParams;

/// How many rows an answer has where the client does not say, and at most.
const DEEDS: (i32, i32) = (50, 200);

/// Which deeds about pages to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageWindow {
    /// Only what was done on this page.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    merchant: Option<String>,
    /// How many at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}
