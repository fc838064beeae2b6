//! All of chatroom in one process: the gateway and every service, on SQLite files and an embedded S3 server.

mod admin;
mod config;
mod data;
mod serve;
mod socket;

use std::{path::Path, process::ExitCode};

use chatroom_kit::{clock::Clock, lifecycle};
use config::{Command, Config};
use data::DataFolder;

// A request is some hundred small allocations on several threads, which glibc's allocator makes dear.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(try_main(chatroom_kit::config::parse()).await)
}

async fn try_main(mut config: Config) -> anyhow::Result<()> {
    let clock = Clock::system();
    let Some(command) = config.command.take() else {
        return Box::pin(serve::serve(config)).await;
    };
    let data = &config.data_dir;
    match command {
        Command::GrantAdmin { name } => chatroom_user::grant_admin(&users(data).await?, &name, &clock).await,
        Command::RevokeAdmin { name } => chatroom_user::revoke_admin(&users(data).await?, &name, &clock).await,
        Command::Admin(admin) => admin::run(*admin, DataFolder::of_another(data)).await,
    }
}

async fn users(data: &Path) -> anyhow::Result<chatroom_user::Store> {
    let data = DataFolder::open(data)?;
    chatroom_user::Store::open(&data.database("user"), 1).await
}
