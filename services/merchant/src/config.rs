//! The merchant service's settings.

use std::net::SocketAddr;

use chatroom_kit::{
    config::{AdminConfig, DatabaseConfig, JwksConfig, ServiceSecretConfig, TelemetryConfig},
    tls::TlsConfig,
};
use clap::{Args, Parser, ValueEnum};
use http::Uri;

/// chatroom's merchant service: merchant pages, activation codes and page membership
#[derive(Debug, Parser)]
#[command(name = "chatroom-merchant", version)]
pub struct Config {
    /// Address to serve gRPC on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50052")]
    pub listen: SocketAddr,
    /// Where the user service is: one name with any number of replicas behind it, or several names and commas
    #[arg(
        long,
        env = "CHATROOM_USER_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50051"
    )]
    pub user_url: Vec<Uri>,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// What this service proves itself with.
    #[command(flatten)]
    pub service_secret: ServiceSecretConfig,
    /// The rules.
    #[command(flatten)]
    pub settings: Settings,
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
    /// Which activation codes open a page: any code of 1 to 64 characters, or only one that was issued
    #[arg(long, env = "CHATROOM_ACTIVATION", value_name = "MODE", default_value = "open")]
    pub activation: Activation,
}

/// Which activation codes open a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Activation {
    /// Any code.
    Open,
    /// Only a code that an administrator issued, once.
    Issued,
}
