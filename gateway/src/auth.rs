//! Who is calling: the token in a request's headers. Owns no key and no check of a token; `kit::auth` does.

use std::{ops::Deref, sync::Arc};

use axum::extract::FromRequestParts;
use chatroom_kit::auth::{Caller, Unauthenticated};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};

use crate::{error::Refusal, state::App};

/// The header of the documented API; it wins over `Authorization`.
pub(crate) const TOKEN: HeaderName = HeaderName::from_static("token");

/// A caller with a valid token. Extracted before any body is read: a stranger is not listened to.
pub(crate) struct SignedIn(Arc<Caller>);

impl Deref for SignedIn {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let token = token(&parts.headers).ok_or(Unauthenticated)?;
        Ok(Self(app.verifier.verify(token)?))
    }
}

/// The token that a request carries. One that is sent twice, or is no text, is none.
fn token(headers: &HeaderMap) -> Option<&str> {
    if headers.contains_key(TOKEN) {
        return only(headers, &TOKEN);
    }
    let (scheme, token) = only(headers, &header::AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}

fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    HeaderValue::to_str(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(headers: &[(HeaderName, &'static str)]) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        token(&map).map(str::to_owned)
    }

    #[test]
    fn the_documented_header_wins() {
        assert_eq!(found(&[(TOKEN, "a")]).as_deref(), Some("a"));
        assert_eq!(found(&[(header::AUTHORIZATION, "Bearer b")]).as_deref(), Some("b"));
        assert_eq!(found(&[(header::AUTHORIZATION, "bearer b")]).as_deref(), Some("b"));
        assert_eq!(found(&[(header::AUTHORIZATION, "Bearer b"), (TOKEN, "a")]).as_deref(), Some("a"));
        assert_eq!(found(&[(header::AUTHORIZATION, "Bearer b"), (TOKEN, "")]).as_deref(), Some(""));
    }

    #[test]
    fn what_is_doubtful_is_no_token() {
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[(TOKEN, "a"), (TOKEN, "a")]), None);
        assert_eq!(found(&[(TOKEN, "页")]), None);
        assert_eq!(found(&[(header::AUTHORIZATION, "Basic b")]), None);
        assert_eq!(found(&[(header::AUTHORIZATION, "b")]), None);
    }
}
