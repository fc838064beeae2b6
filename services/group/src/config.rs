//! The group service's settings.

use std::net::SocketAddr;

use chatroom_kit::{
    config::{AdminConfig, BusConfig, DatabaseConfig, JwksConfig, TelemetryConfig},
    tls::TlsConfig,
};
use clap::Parser;
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
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// The bus.
    #[command(flatten)]
    pub bus: BusConfig,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
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
