//! Merchant pages: the codes that open them, what their creators change, and how long their messages are kept.

use anyhow::Context as _;
use chatroom_kit::wire;
use chatroom_proto::{
    merchant::v1::{
        CloseMerchantRequest, IssueActivationCodesRequest, ListPageDeedsRequest, ListPageMembersRequest,
        TransferMerchantRequest, UpdateMerchantRequest, merchant_service_client::MerchantServiceClient,
        page_service_client::PageServiceClient,
    },
    record::v1::{GetRetentionRequest, SetRetentionRequest, record_service_client::RecordServiceClient},
};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};

use super::{Window, connection::Connection, print::Printer};

#[derive(Debug, Subcommand)]
pub(super) enum CodeCommand {
    /// Issue codes; this is the only time that they can be seen
    Issue {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=1000))]
        count: i32,
        /// After this moment they open nothing, such as 2030-01-31T00:00:00Z
        #[arg(long, value_name = "TIME")]
        expires_at: Option<DateTime<Utc>>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Change a page's name, picture or customer service
    Update {
        /// The page's id
        page: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// Its new picture: an address, or the path of an upload
        #[arg(long)]
        icon: Option<String>,
        /// The id of the user who is to serve its customers
        #[arg(long, value_name = "USER")]
        customer: Option<String>,
    },
    /// Hand a page on to one of its members
    Transfer {
        /// The page's id
        page: String,
        /// The member's id
        user: String,
    },
    /// Close a page for good
    Close {
        /// The page's id
        page: String,
    },
    /// List a page's members
    Members {
        /// The page's id
        page: String,
        #[command(flatten)]
        window: Window,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum RetentionCommand {
    /// For how many days messages are kept
    Show {
        /// The page's id
        page: String,
    },
    /// Keep messages and files for so many days
    Set {
        /// The page's id
        page: String,
        /// For how many days, 1 to 3650, or `forever`
        days: String,
    },
}

/// Which deeds to list.
#[derive(Args, Debug)]
pub(super) struct Audit {
    /// Only what was done to this page
    #[arg(long, value_name = "ID", default_value = "")]
    page: String,
    /// Which part.
    #[command(flatten)]
    window: Window,
}

pub(super) async fn audit(audit: Audit, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let Window { limit, after } = audit.window;
    let request = ListPageDeedsRequest { merchant: audit.page, page_size: limit, page_token: after };
    let mut service = PageServiceClient::new(connection.merchants().await?);
    printer.show(&service.list_page_deeds(connection.request(request)?).await?.into_inner())
}

pub(super) async fn issue(command: CodeCommand, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let CodeCommand::Issue { count, expires_at } = command;
    let request =
        IssueActivationCodesRequest { count, expire_time: expires_at.map(wire::timestamp), request_id: String::new() };
    let mut service = MerchantServiceClient::new(connection.merchants().await?);
    printer.show(&service.issue_activation_codes(connection.request(request)?).await?.into_inner())
}

pub(super) async fn run(command: Command, connection: &Connection, printer: &Printer) -> anyhow::Result<()> {
    let mut service = PageServiceClient::new(connection.merchants().await?);
    match command {
        Command::Update { page, name, icon, customer } => {
            let request = connection.request(UpdateMerchantRequest { merchant: page, name, icon, customer })?;
            printer.show(&service.update_merchant(request).await?.into_inner())
        }
        Command::Transfer { page, user } => {
            let request = connection.request(TransferMerchantRequest { merchant: page, user })?;
            printer.show(&service.transfer_merchant(request).await?.into_inner())
        }
        Command::Close { page } => {
            let request = connection.request(CloseMerchantRequest { merchant: page })?;
            printer.show(&service.close_merchant(request).await?.into_inner())
        }
        Command::Members { page, window: Window { limit, after } } => {
            let request = ListPageMembersRequest { merchant: page, page_size: limit, page_token: after };
            printer.show(&service.list_page_members(connection.request(request)?).await?.into_inner())
        }
    }
}

pub(super) async fn retention(
    command: RetentionCommand,
    connection: &Connection,
    printer: &Printer,
) -> anyhow::Result<()> {
    let mut service = RecordServiceClient::new(connection.groups().await?);
    match command {
        RetentionCommand::Show { page } => {
            let request = connection.request(GetRetentionRequest { merchant: page })?;
            printer.show(&service.get_retention(request).await?.into_inner())
        }
        RetentionCommand::Set { page, days } => {
            let days = match days.as_str() {
                "forever" => None,
                days => Some(days.parse().context("a number of days, or `forever`")?),
            };
            let request = connection.request(SetRetentionRequest { merchant: page, days })?;
            printer.show(&service.set_retention(request).await?.into_inner())
        }
    }
}
