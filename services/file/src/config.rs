//! The file service's settings.

use std::{fmt, net::SocketAddr, str::FromStr};

use chatroom_kit::{
    config::{AdminConfig, JwksConfig, ServiceSecretConfig, TelemetryConfig},
    tls::TlsConfig,
};
use clap::{ArgAction, Args, Parser};
use http::Uri;

/// chatroom's file service: uploads and downloads
#[derive(Debug, Parser)]
#[command(name = "chatroom-file", version)]
pub struct Config {
    /// Address to serve gRPC on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50054")]
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
    /// The object store.
    #[command(flatten)]
    pub s3: S3Settings,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// What this service proves itself with.
    #[command(flatten)]
    pub service_secret: ServiceSecretConfig,
    /// The limits.
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
    // S3 takes at most 10,000 parts, of 5 MiB here.
    /// The largest file that is taken, in bytes
    #[arg(long, env = "CHATROOM_UPLOAD_MAX_BYTES", value_name = "BYTES", default_value_t = 64 << 20,
          value_parser = clap::value_parser!(u64).range(1..=10_000 * (5 << 20)))]
    pub upload_max_bytes: u64,
    /// How many bytes one user may upload in a day (UTC), counted by each process on its own
    #[arg(long, env = "CHATROOM_UPLOAD_DAILY_BYTES", value_name = "BYTES", default_value_t = 2 << 30,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub upload_daily_bytes: u64,
    /// How many uploads a process takes at once; each may hold 10 MiB
    #[arg(long, env = "CHATROOM_UPLOAD_CONCURRENCY", value_name = "N", default_value_t = 64,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub upload_concurrency: u16,
    /// How many of these may be one user's
    #[arg(long, env = "CHATROOM_UPLOAD_CONCURRENCY_PER_USER", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub upload_concurrency_per_user: u16,
}

/// Where objects are kept: any S3-compatible store. Where a region or keys are unset, the standard AWS chain finds
/// them: `AWS_` variables, profiles, web identity, the container's or the machine's role.
#[derive(Args, Clone, Debug)]
pub struct S3Settings {
    /// The store's address [default: AWS, by region]
    #[arg(long, env = "CHATROOM_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<Uri>,
    /// The bucket that holds the files; it must exist
    #[arg(long, env = "CHATROOM_S3_BUCKET", value_name = "NAME", value_parser = bucket_name)]
    pub s3_bucket: String,
    /// The store's region [default: the AWS chain's, else us-east-1]
    #[arg(long, env = "CHATROOM_S3_REGION", value_name = "NAME")]
    pub s3_region: Option<String>,
    /// The access key [default: the AWS chain's]
    #[arg(long, env = "CHATROOM_S3_ACCESS_KEY", value_name = "KEY", requires = "s3_secret_key")]
    pub s3_access_key: Option<String>,
    /// The secret key that belongs to the access key
    #[arg(
        long,
        env = "CHATROOM_S3_SECRET_KEY",
        value_name = "KEY",
        requires = "s3_access_key",
        hide_env_values = true
    )]
    pub s3_secret_key: Option<SecretKey>,
    /// Whether the bucket stands in the path rather than in the host name, as most stores but AWS want it
    #[arg(long, env = "CHATROOM_S3_FORCE_PATH_STYLE", value_name = "BOOL", default_value_t = false,
          action = ArgAction::Set, default_missing_value = "true", num_args = 0..=1)]
    pub s3_force_path_style: bool,
}

/// A secret that no log shows.
#[derive(Clone)]
pub struct SecretKey(String);

impl SecretKey {
    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SecretKey {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(…)")
    }
}

/// Checks what every store asks of a bucket's name, so that a typing error stops the start and not the first upload.
fn bucket_name(text: &str) -> Result<String, &'static str> {
    let plain = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'));
    if plain && (3..=63).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [&str; 7] =
        ["chatroom-file", "--service-secret-file", "file.secret", "--jwks-file", "keys.json", "--s3-bucket", "files"];

    fn parse(more: &[&str]) -> Result<Config, clap::Error> {
        Config::try_parse_from(NEEDED.iter().chain(more))
    }

    #[test]
    fn the_bucket_is_required_and_the_rest_has_defaults() {
        let config = parse(&[]).unwrap();
        assert_eq!(config.settings.upload_max_bytes, 64 * 1024 * 1024);
        assert_eq!(config.settings.upload_daily_bytes, 2 * 1024 * 1024 * 1024);
        assert!(config.s3.s3_access_key.is_none() && !config.s3.s3_force_path_style);
        assert!(Config::try_parse_from(&NEEDED[..5]).is_err());
    }

    #[test]
    fn wrong_settings_are_refused() {
        for wrong in [
            ["--upload-max-bytes", "0"],
            ["--upload-max-bytes", "52428800001"],
            ["--upload-concurrency", "0"],
            ["--upload-concurrency-per-user", "0"],
            ["--s3-access-key", "lonely"],
            ["--s3-force-path-style", "perhaps"],
            ["--s3-endpoint", "not a url"],
        ] {
            assert!(parse(&wrong).is_err(), "{wrong:?}");
        }
        for name in ["ab", "Upper", "with/slash", ""] {
            assert!(bucket_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let config = parse(&["--s3-access-key", "id", "--s3-secret-key", "hush"]).unwrap();
        assert!(!format!("{config:?}").contains("hush"));
        assert_eq!(config.s3.s3_secret_key.unwrap().expose(), "hush");
    }
}
