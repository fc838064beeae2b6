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
    match &config.command {
        None => Box::pin(serve::serve(config)).await,
        Some(Command::GrantAdmin { name }) => {
            let data = DataFolder::open(&config.data_dir)?;
            let users = chatroom_user::Store::open(&data.database("user"), 1).await?;
            chatroom_user::grant_admin(&users, name, &Clock::system()).await
        }
    }
}
