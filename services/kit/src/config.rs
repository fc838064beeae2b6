//! Settings: read from flags and `CHATROOM_` variables by clap, whose `--help` documents them. Owns the settings that
//! several processes take, and the way a wrong one is refused: one clear line and exit code 2.

use std::{net::SocketAddr, path::PathBuf, process};

use clap::{Args, Parser, error::ErrorKind};

/// Reads a process's settings; on a wrong one prints one line and ends the process.
pub fn parse<C: Parser>() -> C {
    C::try_parse().unwrap_or_else(|error| {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        ) {
            error.exit();
        }
        eprintln!("{}", one_line(&error));
        process::exit(2)
    })
}

/// clap spreads an error over several paragraphs; the first holds all that an operator needs.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where a service writes its records.
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// The database: postgres://user:password@host/name or, where built in, sqlite://path
    #[arg(long, env = "CHATROOM_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: String,
    /// How many connections to the database at most
    #[arg(long, env = "CHATROOM_DATABASE_POOL", value_name = "N", default_value_t = 16,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub database_pool: u32,
}

/// How a process logs. Everything else about telemetry comes from the standard `OTEL_` variables.
#[derive(Args, Clone, Debug)]
pub struct TelemetryConfig {
    /// What to log, such as info or chatroom=debug,warn
    #[arg(long, env = "RUST_LOG", value_name = "FILTER", default_value = "info")]
    pub log: String,
    /// How to log: text or json [default: text on a terminal, json elsewhere]
    #[arg(long, env = "CHATROOM_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where a process answers probes and metrics.
#[derive(Args, Clone, Debug)]
pub struct AdminConfig {
    /// Address of the operators' listener: /livez, /readyz and /metrics [default: none]
    #[arg(long, env = "CHATROOM_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<SocketAddr>,
}

/// Where the bus between processes is.
#[derive(Args, Clone, Debug)]
pub struct BusConfig {
    /// The NATS servers of one cluster that carry hints between processes: nats://user:password@host:4222, by commas
    #[arg(
        long,
        env = "CHATROOM_NATS_URL",
        value_name = "URL",
        value_delimiter = ',',
        required = true,
        hide_env_values = true
    )]
    // Read where the bus is connected: clap would show a malformed one, and the password in it.
    pub nats_url: Vec<String>,
}

/// Where a process finds the secret with which it gets tokens of its own.
#[derive(Args, Clone, Debug)]
pub struct ServiceSecretConfig {
    /// File with this service's own secret, which it exchanges for service tokens; chatroom-user add-service makes one
    #[arg(long, env = "CHATROOM_SERVICE_SECRET_FILE", value_name = "FILE")]
    pub service_secret_file: PathBuf,
}

/// Where a process finds the public keys that tokens are verified with.
#[derive(Args, Clone, Debug)]
pub struct JwksConfig {
    /// File with the public keys (JWKS) that tokens are verified with; read again when it changes
    #[arg(long, env = "CHATROOM_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Parser)]
    struct Config {
        #[command(flatten)]
        database: DatabaseConfig,
    }

    #[test]
    fn a_wrong_setting_is_one_line_that_names_it() {
        let error =
            Config::try_parse_from(["x", "--database-url", "sqlite://a", "--database-pool", "many"]).unwrap_err();
        let line = one_line(&error);
        assert!(!line.contains('\n') && line.contains("--database-pool") && line.contains("many"), "{line}");
    }
}
