//! The standalone shape's settings: the gateway's and the services' own, and where the data is.

use std::{net::SocketAddr, path::PathBuf};

use chatroom_kit::config::{AdminConfig, TelemetryConfig};
use clap::{Parser, Subcommand};

use crate::admin::Admin;

/// chatroom: the whole chat backend in one process, on SQLite files and an embedded S3 server
#[derive(Debug, Parser)]
#[command(name = "chatroom", version)]
pub(crate) struct Config {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Folder that holds everything: keys, databases and files; made where it is missing
    #[arg(long, env = "CHATROOM_DATA_DIR", value_name = "FOLDER", default_value = "./data", global = true)]
    pub(crate) data_dir: PathBuf,
    /// Address to serve HTTP on
    #[arg(long, env = "CHATROOM_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// The gateway's settings.
    #[command(flatten)]
    pub(crate) gateway: chatroom_gateway::config::Settings,
    /// The user service's settings.
    #[command(flatten)]
    pub(crate) user: chatroom_user::config::Settings,
    /// The merchant service's settings.
    #[command(flatten)]
    pub(crate) merchant: chatroom_merchant::config::Settings,
    /// The group service's settings.
    #[command(flatten)]
    pub(crate) group: chatroom_group::config::Settings,
    /// The file service's settings.
    #[command(flatten)]
    pub(crate) file: chatroom_file::config::Settings,
    /// The operators' listener.
    #[command(flatten)]
    pub(crate) admin: AdminConfig,
    /// Logs.
    #[command(flatten)]
    pub(crate) telemetry: TelemetryConfig,
}

/// What the program does beside serving.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the user NAME an administrator; works while the server runs
    GrantAdmin {
        /// The user's name
        name: String,
    },
    /// Make the administrator NAME an ordinary user; works while the server runs
    RevokeAdmin {
        /// The user's name
        name: String,
    },
    /// Find, stop and help users, work on reports, look after pages: of the process that serves --data-dir, or of
    /// services in processes of their own
    Admin(Box<Admin>),
}
