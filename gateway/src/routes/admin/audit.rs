//! Who did what to whom: to accounts, to pages, about messages. Each service keeps its own record of it; here stands
//! what the lists of all three have in common.

pub(super) mod account;
pub(super) mod moderation;
pub(super) mod page;

use axum::response::Response;
use chatroom_kit::error::Invalid;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    envelope,
    error::{Refusal, filled},
    query::{after, limit, next},
};

/// How many rows an answer has where the client does not say, and at most.
const DEEDS: (i32, i32) = (50, 200);

/// Which page's deeds to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfPage {
    /// Only what was done on this page.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
    merchant: Option<String>,
}

/// Which part of the deeds to list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// How many at most; 50 where it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i32>,
    /// The `after` of the answer that this one goes on from.
    #[param(pattern = "^[0-9]{1,15}\\.[0-9a-f]{24}$")]
    after: Option<String>,
}

impl Part {
    /// The page size and the page token to ask a service for.
    fn read(self) -> Result<(i32, String), Invalid> {
        Ok((limit(self.limit, DEEDS.0, DEEDS.1)?, after(self.after)?))
    }
}

/// A part of what was done, latest first.
#[derive(Serialize, ToSchema)]
pub(super) struct Audit<'a, D> {
    deeds: Vec<D>,
    /// What to ask for with `after` to go on; null where there is no more.
    after: Option<&'a str>,
}

/// Answers deeds as `show` shows each: none where it is of no kind, which no service lets happen.
fn answer<'a, P, D: Serialize>(
    deeds: &'a [P],
    next_page_token: &'a str,
    show: impl Fn(&'a P) -> Option<D>,
) -> Result<Response, Refusal> {
    let deeds = filled(deeds.iter().map(show).collect::<Option<Vec<_>>>())?;
    Ok(envelope::success(Audit { deeds, after: next(next_page_token) }))
}
