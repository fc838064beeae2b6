//! JSON bodies: how much of one is read. How it is read is `json.rs`'s.

use std::error::Error;

use axum::{
    body,
    extract::{FromRequest, Request},
};
use http_body::Body as _;
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use crate::{
    error::{PAYLOAD_TOO_LARGE, Refusal},
    json,
    state::App,
};

/// The most a JSON body may have, in bytes, but for a route that says otherwise.
const SIZE_MAX: usize = 64 << 10;

/// A request read from its JSON body of at most `MAX` bytes, whatever its content type says.
pub(crate) struct Json<T, const MAX: usize = SIZE_MAX>(pub(crate) T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<App> for Json<T, MAX> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &App) -> Result<Self, Refusal> {
        let body = request.into_body();
        // One that announces too much is not read at all; one that announces nothing is counted as it comes.
        if body.size_hint().lower() > MAX as u64 {
            return Err(Refusal::new(PAYLOAD_TOO_LARGE));
        }
        let bytes = body::to_bytes(body, MAX).await.map_err(|error| refusal(&error))?;
        Ok(Self(json::parse(&bytes)?))
    }
}

fn refusal(error: &axum::Error) -> Refusal {
    if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) {
        Refusal::new(PAYLOAD_TOO_LARGE)
    } else {
        // Nobody will read this: the connection broke.
        Refusal::incomplete_body()
    }
}
