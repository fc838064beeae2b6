//! `chatroom admin`: what administrators, and the creators of pages, do on the command line, over the services' gRPC.
//! Owns no rule: what a command may do is decided by the service that it asks, from the token it carries.

mod account;
mod connection;
mod moderation;
mod page;
mod print;

use anyhow::anyhow;
use chatroom_kit::error::reason_of;
use clap::{Args, Subcommand};
use connection::{Connection, ConnectionConfig};
use print::Printer;
use tonic::Status;

use crate::data::DataFolder;

/// What is to be done, and where.
#[derive(Args, Debug)]
pub(crate) struct Admin {
    /// Where the services are, and who asks.
    #[command(flatten)]
    connection: ConnectionConfig,
    /// Print the answer as JSON, in protobuf's own mapping of the service's answer
    #[arg(long, global = true)]
    json: bool,
    /// The command.
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Exchange a name and a password, read from standard input, for a token, and print it
    Login(account::Login),
    /// End the session of the token
    Logout,
    /// Accounts: administrators only
    #[command(subcommand)]
    User(account::Command),
    /// Activation codes, with which pages are opened: administrators only
    #[command(subcommand)]
    Code(page::CodeCommand),
    /// Pages: their creators only
    #[command(subcommand)]
    Page(page::Command),
    /// What was reported to a page's creator, who alone sees it
    #[command(subcommand)]
    Report(moderation::ReportCommand),
    /// What a page does not want said: its creator only
    #[command(subcommand)]
    Words(moderation::WordsCommand),
    /// For how long a page's messages are kept: its creator only
    #[command(subcommand)]
    Retention(page::RetentionCommand),
    /// Who did what to whom, latest first: administrators only
    #[command(subcommand)]
    Audit(AuditCommand),
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// What was done to accounts
    User(account::Audit),
    /// What was done to pages, and who issued codes
    Page(page::Audit),
    /// What was done about messages
    Moderation(moderation::Audit),
}

/// Which part of a list to show.
#[derive(Args, Debug)]
struct Window {
    /// How many rows at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=1000))]
    limit: i32,
    /// Where to go on: what the answer before has named
    #[arg(long, value_name = "PLACE", default_value = "")]
    after: String,
}

/// Does what the command line says. `data` is the folder of the process that is asked where no address is given.
pub(crate) async fn run(admin: Admin, data: DataFolder) -> anyhow::Result<()> {
    let connection = Connection::open(admin.connection, data).await?;
    dispatch(admin.command, &connection, &Printer::new(admin.json)).await.map_err(said)
}

async fn dispatch(command: Command, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    match command {
        Command::Login(login) => account::login(login, connection, printer).await,
        Command::Logout => account::logout(connection, printer).await,
        Command::User(command) => account::run(command, connection, printer).await,
        Command::Code(command) => page::issue(command, connection, printer).await,
        Command::Page(command) => page::run(command, connection, printer).await,
        Command::Report(command) => moderation::report(command, connection, printer).await,
        Command::Words(command) => moderation::words(command, connection, printer).await,
        Command::Retention(command) => page::retention(command, connection, printer).await,
        Command::Audit(AuditCommand::User(audit)) => account::audit(audit, connection, printer).await,
        Command::Audit(AuditCommand::Page(audit)) => page::audit(audit, connection, printer).await,
        Command::Audit(AuditCommand::Moderation(audit)) => moderation::audit(audit, connection, printer).await,
    }
}

/// What a service refused, in its own words.
fn said(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Status>() {
        Ok(status) => match reason_of(&status) {
            Some(known) => anyhow!("{}: {}", known.reason, status.message()),
            None => anyhow!("{}", status.message()),
        },
        Err(error) => error,
    }
}
