//! Webhooks: what an address and a secret may be, when it is tried again, and when it is given up.

use std::time::Duration;

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::{GroupId, Id, MerchantId},
};
use chrono::{DateTime, Utc};
use url::{Host, Url};

use super::network::is_public;

/// What a [`WebhookId`] names.
pub enum WebhookKind {}
/// A webhook's id.
pub type WebhookId = Id<WebhookKind>;

/// How many a page may have.
pub const WEBHOOKS_MAX: i64 = 5;
/// How many characters an address may have.
const URL_MAX: usize = 2048;
/// How many characters a secret may have.
const SECRET: (usize, usize) = (16, 128);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_hours(1);

/// An address that a page's events are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// The page.
    pub merchant: MerchantId,
    /// Where the events go.
    pub url: String,
    /// When it was given up, where it was.
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when nothing arrives, where nothing does.
    pub failing_since: Option<DateTime<Utc>>,
    /// Why the last one did not arrive.
    pub last_error: Option<String>,
    /// How often its owner has changed it.
    pub version: i32,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// When its owner last changed it.
    pub updated_at: DateTime<Utc>,
}

/// A webhook to be created.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// The page.
    pub merchant: MerchantId,
    /// Where the events go.
    pub url: WebhookUrl,
    /// What they are signed with.
    pub secret: Secret,
}

/// Some events of one group on their way to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The webhook.
    pub webhook: WebhookId,
    /// Its page.
    pub merchant: MerchantId,
    /// Where the events go.
    pub url: String,
    /// What they are signed with.
    pub secret: String,
    /// The group.
    pub group: GroupId,
    /// The group's epoch.
    pub epoch: String,
    /// Everything up to this place in its sequence has arrived.
    pub seq: i64,
    /// How often in a row it has failed.
    pub attempts: i32,
    /// Until when nobody else tries.
    pub lease: DateTime<Utc>,
}

/// Where events may be posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// Checks the request field `url`. Only with `allow_private` may it be http, or an address that is no public one;
    /// what a name leads to is checked when it is called.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("url", Problem::Missing));
        }
        if text.len() > URL_MAX {
            return Err(Invalid::new("url", Problem::TooLong(URL_MAX)));
        }
        let malformed = Invalid::new("url", Problem::Malformed);
        let url = Url::parse(text).map_err(|_| malformed)?;
        let scheme = url.scheme() == "https" || (allow_private && url.scheme() == "http");
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        if scheme && plain && (allow_private || leads_outside(&url)) { Ok(Self(url.into())) } else { Err(malformed) }
    }

    /// The address, as it is called.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a URL names a host on the public internet, as far as can be told without looking its name up.
pub fn leads_outside(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        Some(Host::Domain(_)) => true,
        None => false,
    }
}

/// What events are signed with: 16 to 128 visible ASCII characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Checks the request field `secret`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let problem = match text.len() {
            0 => Problem::Missing,
            length if length < SECRET.0 => Problem::TooShort(SECRET.0),
            length if length > SECRET.1 => Problem::TooLong(SECRET.1),
            _ if text.bytes().all(|byte| byte.is_ascii_graphic()) => return Ok(Self(text.to_owned())),
            _ => Problem::Malformed,
        };
        Err(Invalid::new("secret", problem))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// How long to wait after so many failures in a row: a second, twice as long each time, an hour at most. `jitter`, from
/// 0 to 1, lengthens it by up to a quarter, so that those that failed together are not tried together.
pub fn pause(failures: i32, jitter: f64) -> Duration {
    let doublings = u32::try_from(failures - 1).unwrap_or(0).min(12);
    Duration::from_secs(1 << doublings).min(PAUSE_MAX).mul_f64(1.0 + jitter / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_public_https_url() {
        for text in ["https://shop.example/hooks?a=1", "https://93.184.216.34:8443/"] {
            assert!(WebhookUrl::parse(text, false).is_ok(), "{text}");
        }
        for text in [
            "",
            "shop.example",
            "http://shop.example/",
            "ftp://shop.example/",
            "https://user:password@shop.example/",
            "https://shop.example/#part",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(WebhookUrl::parse(text, false).unwrap_err().field, "url", "{text}");
        }
        assert!(WebhookUrl::parse(&format!("https://shop.example/{}", "a".repeat(2048)), false).is_err());
        assert!(WebhookUrl::parse("http://127.0.0.1:8080/", true).is_ok());
    }

    #[test]
    fn a_secret_is_long_and_never_shown() {
        let secret = Secret::parse("0123456789abcdef").unwrap();
        assert!(!format!("{secret:?}").contains("0123"));
        for text in ["", "short", &"x".repeat(129), "0123456789 abcdef", "０１２３４５６７８９"] {
            assert_eq!(Secret::parse(text).unwrap_err().field, "secret", "{text}");
        }
    }

    #[test]
    fn pauses_grow_up_to_an_hour() {
        let pauses: Vec<_> = [1, 2, 3, 12, 13, 1000].map(|failures| pause(failures, 0.0).as_secs()).to_vec();
        assert_eq!(pauses, [1, 2, 4, 2048, 3600, 3600]);
        assert_eq!(pause(1, 1.0), Duration::from_millis(1250));
    }
}
