//! The gateway's settings, and how each is checked before anything starts.

use std::{net::SocketAddr, num::NonZeroU32, str::FromStr};

use chatroom_kit::{
    config::{AdminConfig, BusConfig, JwksConfig, ServiceSecretConfig, TelemetryConfig},
    tls::TlsConfig,
};
use clap::{Args, Parser};
use http::{HeaderValue, Uri};

use crate::address::TrustedProxies;

/// chatroom's gateway: the HTTP face of the services
#[derive(Debug, Parser)]
#[command(name = "chatroom-gateway", version)]
pub struct Config {
    /// Address to serve HTTP on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the user service is
    #[arg(
        long,
        env = "CHATROOM_USER_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50051"
    )]
    pub user_url: Vec<Uri>,
    /// Where the merchant service is
    #[arg(
        long,
        env = "CHATROOM_MERCHANT_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50052"
    )]
    pub merchant_url: Vec<Uri>,
    /// Where the group service is
    #[arg(
        long,
        env = "CHATROOM_GROUP_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50053"
    )]
    pub group_url: Vec<Uri>,
    /// Where the file service is
    #[arg(
        long,
        env = "CHATROOM_FILE_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50054"
    )]
    pub file_url: Vec<Uri>,
    /// The bus.
    #[command(flatten)]
    pub bus: BusConfig,
    /// What the gateway proves itself with.
    #[command(flatten)]
    pub service_secret: ServiceSecretConfig,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// The rules.
    #[command(flatten)]
    pub settings: Settings,
    /// The operators' listener.
    #[command(flatten)]
    pub admin: AdminConfig,
    /// Logs.
    #[command(flatten)]
    pub telemetry: TelemetryConfig,
}

/// The settings that both shapes take.
#[derive(Args, Clone, Debug)]
// clap would name a group after the struct, and the standalone shape takes the settings of several services.
#[group(skip)]
pub struct Settings {
    /// Web origins whose pages may call this API, separated by commas, such as https://h5.example [default: none]
    #[arg(long, env = "CHATROOM_CORS_ORIGINS", value_name = "ORIGINS", default_value = "", hide_default_value = true)]
    pub cors_origins: Origins,
    /// Proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas [default: none]
    #[arg(
        long,
        env = "CHATROOM_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub trusted_proxies: TrustedProxies,
    /// How many writes a caller may make each second, at least 20; a socket takes twice as many frames
    #[arg(long, env = "CHATROOM_WRITES_PER_SECOND", value_name = "N", default_value = "20",
          value_parser = at_least::<20>)]
    pub writes_per_second: NonZeroU32,
    /// How many writes a caller may make at once, at least 60; a socket takes twice as many frames
    #[arg(long, env = "CHATROOM_WRITES_BURST", value_name = "N", default_value = "60",
          value_parser = at_least::<60>)]
    pub writes_burst: NonZeroU32,
    /// How many uploads a caller may make each minute, at least 60
    #[arg(long, env = "CHATROOM_UPLOADS_PER_MINUTE", value_name = "N", default_value = "60",
          value_parser = at_least::<60>)]
    pub uploads_per_minute: NonZeroU32,
    /// How many registrations an address may make each minute, at least 20
    #[arg(long, env = "CHATROOM_REGISTRATIONS_PER_MINUTE", value_name = "N", default_value = "20",
          value_parser = at_least::<20>)]
    pub registrations_per_minute: NonZeroU32,
    /// How many registrations an address may make at once, at least 100
    #[arg(long, env = "CHATROOM_REGISTRATIONS_BURST", value_name = "N", default_value = "100",
          value_parser = at_least::<100>)]
    pub registrations_burst: NonZeroU32,
    /// How many connections may be open in all
    #[arg(long, env = "CHATROOM_MAX_CONNECTIONS", value_name = "N", default_value = "20000",
          value_parser = at_least::<1>)]
    pub max_connections: NonZeroU32,
    /// How many connections one address may have open; trusted proxies may have any number
    #[arg(long, env = "CHATROOM_MAX_CONNECTIONS_PER_ADDRESS", value_name = "N", default_value = "1000",
          value_parser = at_least::<1>)]
    pub max_connections_per_address: NonZeroU32,
    /// How many answers of one service may be waited for; what needs a further one is refused with 503
    #[arg(long, env = "CHATROOM_MAX_WAITING", value_name = "N", default_value = "512",
          value_parser = at_least::<1>)]
    pub max_waiting: NonZeroU32,
    /// How many of these may be one address's; what needs a further one is refused with 429
    #[arg(long, env = "CHATROOM_MAX_WAITING_PER_ADDRESS", value_name = "N", default_value = "128",
          value_parser = at_least::<1>)]
    pub max_waiting_per_address: NonZeroU32,
    /// How many downloads may be under way in all; each may hold some hundred KiB
    #[arg(long, env = "CHATROOM_MAX_DOWNLOADS", value_name = "N", default_value = "512",
          value_parser = at_least::<1>)]
    pub max_downloads: NonZeroU32,
    /// How many of these may be one address's
    #[arg(long, env = "CHATROOM_MAX_DOWNLOADS_PER_ADDRESS", value_name = "N", default_value = "128",
          value_parser = at_least::<1>)]
    pub max_downloads_per_address: NonZeroU32,
}

/// Reads a number that is at least `LEAST`. What the public contract promises cannot be configured away.
fn at_least<const LEAST: u32>(text: &str) -> Result<NonZeroU32, String> {
    match text.parse() {
        Ok(number) if u32::from(number) >= LEAST => Ok(number),
        _ => Err(format!("it is a whole number, {LEAST} or more")),
    }
}

/// The web origins allowed by CORS.
#[derive(Clone, Debug, Default)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Each as a browser sends it; empty where no foreign page may call.
    pub fn as_slice(&self) -> &[HeaderValue] {
        &self.0
    }
}

/// The text is not a list of web origins.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not a web origin such as https://h5.example")]
pub struct NotAnOrigin(String);

impl FromStr for Origins {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        list(text)
            .map(|text| origin(text).ok_or_else(|| NotAnOrigin(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// Browsers send a scheme, a host and perhaps a port, in lower case, and nothing else; what is written otherwise would
/// never match.
fn origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let written = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    let plain = written == text && text.starts_with("http") && !text.contains('@');
    let lower_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    (plain && lower_case).then(|| HeaderValue::from_str(text).ok()).flatten()
}

/// The items of a list separated by commas. An empty text is an empty list: manifests set variables to nothing.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}
