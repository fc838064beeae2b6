//! The group service's settings.

use std::{net::SocketAddr, time::Duration};

use chatroom_kit::{
    config::{AdminConfig, BusConfig, DatabaseConfig, JwksConfig, ServiceSecretConfig, TelemetryConfig},
    link::Link,
    tls::{Tls, TlsConfig},
};
use clap::{ArgAction, Args, Parser};
use http::Uri;

/// chatroom's group service: group chats, their members and their messages
#[derive(Debug, Parser)]
#[command(name = "chatroom-group", version)]
pub struct Config {
    /// Address to serve gRPC on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50053")]
    pub listen: SocketAddr,
    /// Where the merchant service is: one name with any number of replicas behind it, or several names and commas
    #[arg(
        long,
        env = "CHATROOM_MERCHANT_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50052"
    )]
    pub merchant_url: Vec<Uri>,
    /// Where the file service is, in the same form
    #[arg(
        long,
        env = "CHATROOM_FILE_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50054"
    )]
    pub file_url: Vec<Uri>,
    /// Where the user service is, in the same form
    #[arg(
        long,
        env = "CHATROOM_USER_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50051"
    )]
    pub user_url: Vec<Uri>,
    /// What both shapes take.
    #[command(flatten)]
    pub settings: Settings,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// The bus.
    #[command(flatten)]
    pub bus: BusConfig,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// This service's own secret.
    #[command(flatten)]
    pub secret: ServiceSecretConfig,
    /// Certificates.
    #[command(flatten)]
    pub tls: TlsConfig,
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
    /// Whether webhooks may go to addresses that are not on the public internet, and over http: this lets whoever owns a
    /// page reach what stands in this network
    #[arg(long, env = "CHATROOM_WEBHOOK_ALLOW_PRIVATE", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, default_missing_value = "true", num_args = 0..=1)]
    pub webhook_allow_private: bool,
    /// How long a webhook may fail before it is given up
    #[arg(long, env = "CHATROOM_WEBHOOK_GIVE_UP", value_name = "TIME", default_value = "3d", value_parser = duration)]
    pub webhook_give_up: Duration,
    /// A service (chatroom.moderation.v1) that is asked about every message before it is stored [default: none]
    #[arg(long, env = "CHATROOM_MODERATION_URL", value_name = "URL")]
    pub moderation_url: Option<Uri>,
    /// How long it may take to say
    #[arg(long, env = "CHATROOM_MODERATION_TIMEOUT", value_name = "TIME", default_value = "300ms", value_parser = duration)]
    pub moderation_timeout: Duration,
    /// What its silence means: open lets messages pass, closed refuses them
    #[arg(long, env = "CHATROOM_MODERATION_FAIL", value_name = "WAY", default_value = "open")]
    pub moderation_on_failure: OnFailure,
}

/// What becomes of messages while the external check does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OnFailure {
    /// They pass.
    Open,
    /// They are refused.
    Closed,
}

impl Settings {
    /// The way to the external check of messages, where one is named.
    pub fn moderation(&self, tls: Option<&Tls>) -> anyhow::Result<Option<Link>> {
        self.moderation_url.as_ref().map(|url| Link::connect(std::slice::from_ref(url), tls)).transpose()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webhook_allow_private: false,
            webhook_give_up: Duration::from_hours(72),
            moderation_url: None,
            moderation_timeout: Duration::from_millis(300),
            moderation_on_failure: OnFailure::Open,
        }
    }
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "not a time such as 3d, 12h or 30m")
}
