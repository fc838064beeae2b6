//! Posting to addresses that strangers name: only to the public internet, by the very address that was checked, without
//! following anyone anywhere, and never for long. Owns the signature.

use std::{error::Error as StdError, fmt::Write as _, net::SocketAddr, time::Duration};

use aws_lc_rs::hmac;
use reqwest::{
    Client, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, HeaderName},
    redirect::Policy,
};

use crate::domain::{Delivery, is_public, leads_outside};

const WEBHOOK: HeaderName = HeaderName::from_static("x-chatroom-webhook");
const TIMESTAMP: HeaderName = HeaderName::from_static("x-chatroom-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("x-chatroom-signature");

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a request may take in all.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection is kept for the next request.
const IDLE: Duration = Duration::from_secs(30);
/// How much of an answer is read, so that the connection can be used again; what it says matters to nobody.
const ANSWER_MAX: usize = 16 << 10;

/// Posts events.
#[derive(Clone, Debug)]
pub(super) struct Poster {
    client: Client,
    allow_private: bool,
}

/// Why events did not arrive, as their owner is shown it.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    #[error("HTTP {0}")]
    Status(u16),
    #[error("the address is not on the public internet")]
    NotPublic,
    #[error("the answer took too long")]
    TooSlow,
    #[error("no connection could be made")]
    NotConnected,
    #[error("the connection failed")]
    Broken,
}

impl Poster {
    pub(super) fn new(allow_private: bool) -> anyhow::Result<Self> {
        let builder = Client::builder()
            .user_agent(concat!("chatroom/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(REQUEST)
            .pool_idle_timeout(IDLE)
            .https_only(!allow_private);
        let builder = if allow_private { builder } else { builder.dns_resolver(PublicOnly) };
        Ok(Self { client: builder.build()?, allow_private })
    }

    /// Posts a body that was made at `timestamp`, in seconds since the epoch.
    pub(super) async fn post(&self, delivery: &Delivery, body: Vec<u8>, timestamp: i64) -> Result<(), PostError> {
        let url = Url::parse(&delivery.url).map_err(|_| PostError::NotConnected)?;
        // An address that needs no look-up passes by the resolver.
        if !self.allow_private && !leads_outside(&url) {
            return Err(PostError::NotPublic);
        }
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(WEBHOOK, delivery.webhook.to_string())
            .header(TIMESTAMP, timestamp)
            .header(SIGNATURE, signature(&delivery.secret, timestamp, &body))
            .body(body);
        let mut response = request.send().await?;
        let status = response.status();
        let mut read = 0;
        while read < ANSWER_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => read += chunk.len(),
                Ok(None) | Err(_) => break,
            }
        }
        if status.is_success() { Ok(()) } else { Err(PostError::Status(status.as_u16())) }
    }
}

impl From<reqwest::Error> for PostError {
    fn from(error: reqwest::Error) -> Self {
        if is_not_public(&error) {
            Self::NotPublic
        } else if error.is_timeout() {
            Self::TooSlow
        } else if error.is_connect() {
            Self::NotConnected
        } else {
            Self::Broken
        }
    }
}

/// `v1=` and the digits of HMAC-SHA256 over the timestamp, a full stop and the body.
fn signature(secret: &str, timestamp: i64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()));
    context.update(timestamp.to_string().as_bytes());
    context.update(b".");
    context.update(body);
    let mut text = String::from("v1=");
    for byte in context.sign().as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Looks names up and answers only addresses on the public internet: the connection is made to one of these, so what
/// was checked is what is called, whatever the name leads to a moment later.
#[derive(Debug)]
struct PublicOnly;

/// A name leads to no address on the public internet.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to no address on the public internet")]
struct NotPublic;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

fn is_not_public(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<NotPublic>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_time_and_body() {
        // Made with `printf '1700000000.{}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
        assert_eq!(signature("0123456789abcdef", 1_700_000_000, b"{}"), EXPECTED);
        assert_ne!(signature("0123456789abcdef", 1_700_000_001, b"{}"), EXPECTED);
        assert_ne!(signature("0123456789abcdef", 1_700_000_000, b"{ }"), EXPECTED);
    }

    const EXPECTED: &str = "v1=e4f8e2ecae2295b2ddb2f0b5584c8275e226c0ebe9b3b819e70156bb67122e3e";

    #[tokio::test]
    async fn a_name_that_leads_inside_leads_nowhere() {
        let outcome = PublicOnly.resolve("localhost".parse().unwrap()).await;
        assert!(outcome.is_err_and(|error| error.is::<NotPublic>()));
    }
}
