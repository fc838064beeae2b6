//! Accounts and sessions.

use std::io::{self, IsTerminal as _};

use chatroom_proto::user::v1::{
    DisableAccountRequest, EnableAccountRequest, EndSessionsRequest, FindAccountsRequest, ListDeedsRequest,
    LoginRequest, LogoutRequest, admin_service_client::AdminServiceClient,
    session_service_client::SessionServiceClient, user_service_client::UserServiceClient,
};
use clap::{Args, Subcommand};

use super::{Window, connection::Connection, print::Printer};

/// Who signs in.
#[derive(Args, Debug)]
pub(super) struct Login {
    /// The user's name
    name: String,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Find accounts by the beginning of their name
    List {
        /// What the names begin with, without regard to case
        #[arg(long, value_name = "NAME", default_value = "")]
        name: String,
        #[command(flatten)]
        window: Window,
    },
    /// End an account's sessions and let nobody sign in to it
    Disable {
        /// The account's id
        user: String,
    },
    /// Let an account be used again
    Enable {
        /// The account's id
        user: String,
    },
    /// End all sessions of an account
    Logout {
        /// The account's id
        user: String,
    },
}

/// Which deeds to list.
#[derive(Args, Debug)]
pub(super) struct Audit {
    /// Only what was done to this account
    #[arg(long, value_name = "ID", default_value = "")]
    user: String,
    #[command(flatten)]
    window: Window,
}

pub(super) async fn login(login: Login, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let password = read_password()?;
    let request = LoginRequest { username: login.name, password, client_address: String::new() };
    let answer = UserServiceClient::new(connection.users().await?).login(request).await?.into_inner();
    if printer.is_json() {
        return printer.show(&answer);
    }
    println!("{}", answer.token);
    Ok(())
}

pub(super) async fn logout(connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let request = connection.request(LogoutRequest {})?;
    printer.show(&SessionServiceClient::new(connection.users().await?).logout(request).await?.into_inner())
}

pub(super) async fn run(command: Command, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let mut service = AdminServiceClient::new(connection.users().await?);
    match command {
        Command::List { name, window } => {
            let request =
                FindAccountsRequest { username_prefix: name, page_size: window.limit, page_token: window.after };
            printer.show(&service.find_accounts(connection.request(request)?).await?.into_inner())
        }
        Command::Disable { user } => {
            let request = connection.request(DisableAccountRequest { user })?;
            printer.show(&service.disable_account(request).await?.into_inner())
        }
        Command::Enable { user } => {
            let request = connection.request(EnableAccountRequest { user })?;
            printer.show(&service.enable_account(request).await?.into_inner())
        }
        Command::Logout { user } => {
            let request = connection.request(EndSessionsRequest { user })?;
            printer.show(&service.end_sessions(request).await?.into_inner())
        }
    }
}

pub(super) async fn audit(audit: Audit, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let Window { limit, after } = audit.window;
    let request = connection.request(ListDeedsRequest { user: audit.user, page_size: limit, page_token: after })?;
    printer.show(&AdminServiceClient::new(connection.users().await?).list_deeds(request).await?.into_inner())
}

/// Reads a password, unseen where a person types it; never from the command line, which every process may read.
fn read_password() -> anyhow::Result<String> {
    if io::stdin().is_terminal() {
        return Ok(rpassword::prompt_password("password: ")?);
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
