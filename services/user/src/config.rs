//! The user service's command line and settings.

use std::{net::SocketAddr, path::PathBuf};

use chatroom_kit::{
    config::{AdminConfig, DatabaseConfig, JwksConfig, TelemetryConfig},
    tls::TlsConfig,
};
use chrono::TimeDelta;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use http::Uri;

/// The shortest and the longest time for which a token can be made good.
const TOKEN_TTL: [TimeDelta; 2] = [TimeDelta::seconds(1), TimeDelta::days(3650)];

/// What the process is to do. Read by hand, since clap has no word for "serve, unless told otherwise": serving has
/// settings of its own that must be there, and the subcommands do without them.
#[derive(Debug)]
pub enum Config {
    /// Serve.
    Serve(Box<ServeConfig>),
    /// Make a signing key.
    Keygen(KeygenConfig),
    /// Give services secrets.
    AddService(AddServiceConfig),
    /// Make a user an administrator.
    GrantAdmin(AdminNameConfig),
    /// Make an administrator an ordinary user.
    RevokeAdmin(AdminNameConfig),
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a signing key and its public half (JWKS)
    ///
    /// To replace a key, take three steps, each everywhere before the next: publish the new public key beside the old
    /// one (keygen --out NEW --add-to JWKS; every process reads that file again by itself), sign with the new key
    /// (CHATROOM_JWT_SIGNING_KEY_FILE=NEW/signing-key.pem, and start the user service anew), and once the last token
    /// of the old key has ended, publish the new public key alone (NEW/jwks.json).
    Keygen(KeygenConfig),
    /// Give services secrets, with which they get tokens of their own: those of this system, or others that are to send
    /// messages in groups
    ///
    /// Writes NAME.secret, for CHATROOM_SERVICE_SECRET_FILE of that service and nobody else, and adds its hash to the
    /// file `services`, for CHATROOM_SERVICE_SECRETS_FILE of the user service, which reads it again by itself. A line of
    /// that file may be written by hand: a name and the SHA-256 of a secret. To replace a secret, make another one in a
    /// folder of its own, add its line, give the service the new file, and remove the old line.
    AddService(AddServiceConfig),
    /// Make a user an administrator
    GrantAdmin(AdminNameConfig),
    /// Make an administrator an ordinary user
    RevokeAdmin(AdminNameConfig),
}

/// The settings for serving.
#[derive(Args, Debug)]
pub struct ServeConfig {
    /// Address to serve gRPC on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051")]
    pub listen: SocketAddr,
    /// Where the file service is: one name with any number of replicas behind it, or several names and commas
    #[arg(
        long,
        env = "CHATROOM_FILE_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:50054"
    )]
    pub file_url: Vec<Uri>,
    /// File with the private key that tokens are signed with (Ed25519, PKCS#8 PEM); keygen makes one
    #[arg(long, env = "CHATROOM_JWT_SIGNING_KEY_FILE", value_name = "FILE")]
    pub jwt_signing_key_file: PathBuf,
    /// File with the services that may have tokens of their own: a line is a name and the SHA-256 of a secret; read
    /// again when it changes; add-service makes it
    #[arg(long, env = "CHATROOM_SERVICE_SECRETS_FILE", value_name = "FILE")]
    pub service_secrets_file: PathBuf,
    /// The public keys.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
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
    /// How long a token is good for, such as 7d, 12h or 30m
    #[arg(long, env = "CHATROOM_TOKEN_TTL", value_name = "TIME", default_value = "7d", value_parser = token_ttl)]
    pub token_ttl: TimeDelta,
    /// How many characters a new password has at least
    #[arg(long, env = "CHATROOM_PASSWORD_MIN_LENGTH", value_name = "N", default_value_t = 6,
          value_parser = clap::value_parser!(u8).range(1..=128))]
    pub password_min_length: u8,
    /// How many logins may fail within five minutes from one address before it is refused for a while; more where
    /// many users share an address
    #[arg(long, env = "CHATROOM_LOGIN_FAILURES_PER_ADDRESS", value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub login_failures_per_address: u16,
}

/// What keygen is to make.
#[derive(Args, Clone, Debug)]
pub struct KeygenConfig {
    /// Folder to write signing-key.pem and jwks.json to; keys that are there are not overwritten
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Published JWKS file to add the public half to: the first step of replacing a key, before anything is signed
    /// with the new one
    #[arg(long, value_name = "JWKS")]
    pub add_to: Option<PathBuf>,
    /// Succeed and change nothing where both files are there already, so that every start of a deployment may ask
    #[arg(long, conflicts_with = "add_to")]
    pub if_missing: bool,
}

/// Which services are to have secrets.
#[derive(Args, Clone, Debug)]
pub struct AddServiceConfig {
    /// The services' names, such as gateway: 1 to 32 lower-case letters, digits and hyphens
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Folder to write NAME.secret and services to; secrets that are there are not overwritten
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Leave a service alone that has a secret there already, so that every start of a deployment may ask
    #[arg(long)]
    pub if_missing: bool,
}

/// Who is to be an administrator, or none any more.
#[derive(Args, Clone, Debug)]
pub struct AdminNameConfig {
    /// The user's name, in any case
    pub name: String,
    /// The database.
    #[command(flatten)]
    pub database: DatabaseConfig,
}

impl Parser for Config {}

impl CommandFactory for Config {
    fn command() -> clap::Command {
        let command = ServeConfig::augment_args(clap::Command::new("chatroom-user"));
        Command::augment_subcommands(command)
            // After the arguments, whose struct would otherwise describe the whole.
            .about("chatroom's user service: accounts, passwords and tokens; serves unless a command is given")
            .version(env!("CARGO_PKG_VERSION"))
            .subcommand_negates_reqs(true)
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl FromArgMatches for Config {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if matches.subcommand().is_none() {
            return Ok(Self::Serve(Box::new(ServeConfig::from_arg_matches(matches)?)));
        }
        Ok(match Command::from_arg_matches(matches)? {
            Command::Keygen(config) => Self::Keygen(config),
            Command::AddService(config) => Self::AddService(config),
            Command::GrantAdmin(config) => Self::GrantAdmin(config),
            Command::RevokeAdmin(config) => Self::RevokeAdmin(config),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn token_ttl(text: &str) -> Result<TimeDelta, &'static str> {
    let time = humantime::parse_duration(text).map_err(|_| "not a time such as 7d, 12h or 30m")?;
    let [shortest, longest] = TOKEN_TTL;
    let time = TimeDelta::from_std(time).ok().filter(|time| (shortest..=longest).contains(time));
    time.ok_or("not within 1s and 3650d")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVE: [&str; 9] = [
        "chatroom-user",
        "--database-url",
        "sqlite://a",
        "--jwks-file",
        "a",
        "--jwt-signing-key-file",
        "b",
        "--service-secrets-file",
        "c",
    ];

    fn settings(flags: &[&str]) -> Result<Settings, String> {
        match Config::try_parse_from(SERVE.iter().chain(flags)) {
            Ok(Config::Serve(config)) => Ok(config.settings),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn it_serves_unless_told_otherwise() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.token_ttl, TimeDelta::days(7));
        assert_eq!((settings.password_min_length, settings.login_failures_per_address), (6, 10));
    }

    #[test]
    fn serving_needs_its_settings_and_the_commands_do_not() {
        let error = Config::try_parse_from(["chatroom-user"]).unwrap_err().to_string();
        assert!(error.contains("--jwt-signing-key-file"), "{error}");
        let keygen = Config::try_parse_from(["chatroom-user", "keygen", "--out", "keys"]).unwrap();
        assert!(matches!(keygen, Config::Keygen(config) if config.out.as_os_str() == "keys"));
        let grant = ["chatroom-user", "grant-admin", "lily", "--database-url", "sqlite://a"];
        let grant = Config::try_parse_from(grant).unwrap();
        assert!(matches!(grant, Config::GrantAdmin(config) if config.name == "lily"));
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        for [flag, value] in [
            ["--password-min-length", "0"],
            ["--password-min-length", "129"],
            ["--token-ttl", "soon"],
            ["--token-ttl", "0s"],
            ["--token-ttl", "4000d"],
            ["--login-failures-per-address", "0"],
        ] {
            let error = settings(&[flag, value]).unwrap_err();
            assert!(error.contains(flag) && error.contains(value), "{error}");
        }
    }

    #[test]
    fn the_longest_minimum_is_the_longest_password() {
        assert_eq!(settings(&["--password-min-length", "128"]).unwrap().password_min_length, 128);
        assert_eq!(settings(&["--token-ttl", "90m"]).unwrap().token_ttl, TimeDelta::minutes(90));
    }
}
