//! Opening a WebSocket (RFC 6455, section 4.2): from where, for whom, and as which protocol. Owns the answer to the
//! request; what follows on the connection is `socket.rs`'s.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::{body::Body, extract::Request, response::Response};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use chatroom_kit::auth::{Caller, Verifier};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};

use crate::{
    address::ClientAddress,
    config::Origins,
    error::{DRAINING, ORIGIN_NOT_ALLOWED, Refusal, UPGRADE_REQUIRED},
    state::App,
};

/// The protocol that is spoken; the only one that is ever selected.
const PROTOCOL: &str = "chatroom.v1";
/// What stands before a token among the protocols that a client offers.
const TOKEN: &str = "token.";
/// What a server adds to a client's key before it hashes it.
const SALT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: &str = "13";

/// Answers a request to open a socket, and serves the socket once the answer is out.
pub(crate) fn open(app: &App, mut request: Request) -> Result<Response, Refusal> {
    if !comes_from_home(request.headers(), &app.origins) {
        return Err(Refusal::new(ORIGIN_NOT_ALLOWED));
    }
    let key = key(request.headers()).ok_or(Refusal::new(UPGRADE_REQUIRED))?;
    if app.stop.is_cancelled() {
        return Err(Refusal::new(DRAINING));
    }
    let offered = Offered::read(request.headers());
    let caller = offered.token.map(|token| verify(&app.verifier, token)).transpose()?;
    let response = accept(&key, offered.ours);
    let address = ClientAddress::of(app, request.extensions(), request.headers());
    super::serve(app.clone(), hyper::upgrade::on(&mut request), address, caller);
    Ok(response)
}

fn verify(verifier: &Verifier, token: &str) -> Result<Arc<Caller>, Refusal> {
    Ok(verifier.verify(token)?)
}

/// Whether a page that may use the API has asked; what is no browser has no page and says nothing of one.
fn comes_from_home(headers: &HeaderMap, allowed: &Origins) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let Some(origin) = origins.next() else {
        return true;
    };
    origins.next().is_none() && (allowed.as_slice().contains(origin) || is_our_own(origin, headers))
}

/// Whether a page of this very host has asked. The scheme is not compared: a proxy may have taken TLS off.
fn is_our_own(origin: &HeaderValue, headers: &HeaderMap) -> bool {
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let (Some(origin), Some(host)) = (origin, host) else {
        return false;
    };
    let default = match origin.scheme_str() {
        Some("http") => ":80",
        Some("https") => ":443",
        _ => return false,
    };
    let plain = |authority: &str| authority.strip_suffix(default).unwrap_or(authority).to_ascii_lowercase();
    origin.authority().is_some_and(|authority| plain(authority.as_str()) == plain(host))
}

/// The key of a request that asks for a WebSocket of the version that there is.
fn key(headers: &HeaderMap) -> Option<HeaderValue> {
    let asks = holds(headers, &header::CONNECTION, "upgrade")
        && holds(headers, &header::UPGRADE, "websocket")
        && holds(headers, &header::SEC_WEBSOCKET_VERSION, VERSION);
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let nonce = BASE64.decode(key).ok()?;
    (asks && nonce.len() == 16).then(|| key.clone())
}

/// Whether a list in a header holds a word, in any case.
fn holds(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    words(headers, name).any(|item| item.eq_ignore_ascii_case(word))
}

fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',').map(str::trim))
}

/// What a client offers to speak.
struct Offered<'a> {
    /// Our protocol is among it.
    ours: bool,
    /// The token that stands among it, where a browser, which can send no header of its own, has put it.
    token: Option<&'a str>,
}

impl<'a> Offered<'a> {
    fn read(headers: &'a HeaderMap) -> Self {
        let name = &header::SEC_WEBSOCKET_PROTOCOL;
        Self {
            ours: words(headers, name).any(|protocol| protocol == PROTOCOL),
            token: words(headers, name).find_map(|protocol| protocol.strip_prefix(TOKEN)),
        }
    }
}

fn accept(key: &HeaderValue, ours: bool) -> Response {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[key.as_bytes(), SALT.as_bytes()].concat());
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(BASE64.encode(digest)) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if ours {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_answer_to_a_key_is_the_standards() {
        let response = accept(&HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="), false);
        assert_eq!(response.headers()[header::SEC_WEBSOCKET_ACCEPT], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert!(!response.headers().contains_key(header::SEC_WEBSOCKET_PROTOCOL));
    }

    #[test]
    fn pages_of_this_host_and_of_those_allowed_come_from_home() {
        let allowed = "https://h5.example".parse().unwrap();
        let home = |origin: &'static str, host: &'static str| {
            comes_from_home(&headers(&[(header::ORIGIN, origin), (header::HOST, host)]), &allowed)
        };
        assert!(comes_from_home(&HeaderMap::new(), &allowed), "what is no browser sends none");
        assert!(home("https://h5.example", "api.example"));
        assert!(home("https://api.example", "api.example"));
        assert!(home("http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(home("https://api.example", "API.example:443"));
        for origin in ["null", "https://evil.example", "https://api.example:8443", "https://api.example.evil", "", "x"]
        {
            assert!(!home(origin, "api.example"), "{origin}");
        }
    }

    #[test]
    fn only_a_request_for_a_websocket_has_a_key() {
        let good = [
            (header::CONNECTION, "keep-alive, Upgrade"),
            (header::UPGRADE, "WebSocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert!(key(&headers(&good)).is_some());
        for (index, wrong) in [(0, "close"), (1, "h2c"), (2, "8"), (3, "dGhlIHNhbXBsZQ=="), (3, "not base64")] {
            let mut bad = good.clone();
            bad[index].1 = wrong;
            assert!(key(&headers(&bad)).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_may_stand_among_the_protocols() {
        let offered = headers(&[(header::SEC_WEBSOCKET_PROTOCOL, "chatroom.v1, token.eyJ.x.y")]);
        let Offered { ours, token } = Offered::read(&offered);
        assert_eq!((ours, token), (true, Some("eyJ.x.y")));
        let none = HeaderMap::new();
        let Offered { ours, token } = Offered::read(&none);
        assert_eq!((ours, token), (false, None));
    }
}
