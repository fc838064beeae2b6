//! All of chatroom in one process: the gateway and every service, on SQLite files and an embedded S3 server.

mod config;
mod data;
mod serve;

use std::process::ExitCode;

use chatroom_kit::{clock::Clock, lifecycle};
use config::{Command, Config};
use data::DataFolder;

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(try_main(chatroom_kit::config::parse()).await)
}

async fn try_main(config: Config) -> anyhow::Result<()> {
    let clock = Clock::system();
    match &config.command {
        None => Box::pin(serve::serve(config)).await,
        Some(Command::GrantAdmin { name }) => chatroom_user::grant_admin(&users(&config).await?, name, &clock).await,
        Some(Command::RevokeAdmin { name }) => chatroom_user::revoke_admin(&users(&config).await?, name, &clock).await,
    }
}

async fn users(config: &Config) -> anyhow::Result<chatroom_user::Store> {
    let data = DataFolder::open(&config.data_dir)?;
    chatroom_user::Store::open(&data.database("user"), 1).await
}
