//! Reports, unwanted words, and the record of what was done about messages.

use std::path::PathBuf;

use anyhow::Context as _;
use chatroom_proto::conduct::v1::{
    GetWordsRequest, ListModerationActionsRequest, ListReportsRequest, ResolveReportRequest, SetWordsRequest, WordMode,
    conduct_service_client::ConductServiceClient,
};
use clap::{Args, Subcommand, ValueEnum};

use super::{Window, connection::Connection, print::Printer};

#[derive(Debug, Subcommand)]
pub(super) enum ReportCommand {
    /// List a page's reports, oldest first
    List {
        /// The page's id
        page: String,
        /// Those that were dealt with, in place of those that wait
        #[arg(long)]
        resolved: bool,
        /// How many rows at most
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=200))]
        limit: i32,
        /// Where to go on: what the answer before has named
        #[arg(long, value_name = "PLACE", default_value = "")]
        after: String,
    },
    /// Say what came of a report
    Resolve {
        /// The report's id
        report: String,
        /// What came of it
        resolution: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum WordsCommand {
    /// Show what a page does not want said
    Show {
        /// The page's id
        page: String,
    },
    /// Say what a page does not want said, in place of what it did not want before
    Set {
        /// The page's id
        page: String,
        /// What becomes of a message that holds a word
        #[arg(long, value_enum)]
        mode: Mode,
        /// File with the words, one a line
        file: PathBuf,
    },
}

/// What becomes of a message that holds an unwanted word.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Mode {
    /// Its characters are replaced by asterisks
    Mask,
    /// It is not sent
    Refuse,
}

/// Which deeds to list.
#[derive(Args, Debug)]
pub(super) struct Audit {
    /// Only what was done on this page
    #[arg(long, value_name = "ID", default_value = "")]
    page: String,
    #[command(flatten)]
    window: Window,
}

pub(super) async fn report(command: ReportCommand, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let mut service = ConductServiceClient::new(connection.groups().await?);
    match command {
        ReportCommand::List { page, resolved, limit, after } => {
            let request = ListReportsRequest { merchant: page, resolved, page_size: limit, page_token: after };
            printer.show(&service.list_reports(connection.request(request)?).await?.into_inner())
        }
        ReportCommand::Resolve { report, resolution } => {
            let request = connection.request(ResolveReportRequest { report, resolution })?;
            printer.show(&service.resolve_report(request).await?.into_inner())
        }
    }
}

pub(super) async fn words(command: WordsCommand, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let mut service = ConductServiceClient::new(connection.groups().await?);
    match command {
        WordsCommand::Show { page } => {
            let request = connection.request(GetWordsRequest { merchant: page })?;
            printer.show(&service.get_words(request).await?.into_inner())
        }
        WordsCommand::Set { page, mode, file } => {
            let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let words = text.lines().map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect();
            let mode = match mode {
                Mode::Mask => WordMode::Mask,
                Mode::Refuse => WordMode::Refuse,
            };
            let request = SetWordsRequest { merchant: page, mode: mode.into(), words };
            printer.show(&service.set_words(connection.request(request)?).await?.into_inner())
        }
    }
}

pub(super) async fn audit(audit: Audit, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let Window { limit, after } = audit.window;
    let request = ListModerationActionsRequest { merchant: audit.page, page_size: limit, page_token: after };
    let mut service = ConductServiceClient::new(connection.groups().await?);
    printer.show(&service.list_moderation_actions(connection.request(request)?).await?.into_inner())
}
