//! What the product holds of the caller, as a file: `/h5/user/export`. Owns what is in it and in which order; how it is
//! sent is `sending`'s.

mod record;
mod sending;

use axum::{body::Body, extract::State, response::Response};
use chatroom_kit::{auth::Caller, link::CallContext};
use chatroom_proto::{
    conduct::v1::{ListBlocksRequest, ListOwnReportsRequest},
    merchant::v1::{ListMembershipsRequest, ListOwnPagesRequest},
    message::v1::ListConversationsRequest,
    record::v1::ExportMessagesRequest,
    user::v1::{GetUserRequest, User},
};
use http::{HeaderValue, header};
use serde::Serialize;
use tonic::Status;
use tracing::Instrument as _;

use self::{
    record::{Block, End, Message},
    sending::Lines,
};
use super::profile::OwnAccount;
use crate::{
    address::ClientAddress,
    chat::{conversation::Conversation, people::People},
    envelope::ErrorEnvelope,
    error::{Refusal, filled},
    limit::Exporter,
    openapi::{NotServed, NotSignedIn},
    routes::{
        merchant::{JoinedPage, Page},
        report::Report,
    },
    state::App,
    waiting,
};

/// One record a line.
const NDJSON: HeaderValue = HeaderValue::from_static("application/x-ndjson");
/// It is for its owner to keep, and for nobody in between.
const DISPOSITION: HeaderValue = HeaderValue::from_static("attachment; filename=\"chatroom-export.ndjson\"");
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-store");
/// How many pages are asked for in one call: so many are always smaller than a message may be.
const PAGES: i32 = 400;

/// What a line is about.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
enum Kind {
    /// The caller's account.
    Account,
    /// A page that the caller has joined.
    PageJoined,
    /// A page whose creator the caller is.
    PageOpened,
    /// A group that the caller is in.
    Group,
    /// Somebody whom the caller wants to hear nothing of.
    Block,
    /// Something that the caller has reported.
    Report,
    /// Something that the caller has said.
    Message,
    /// The last line: a file without one is not whole.
    End,
}

/// Get what is held of the caller, as a file of one JSON object a line: the account, pages, groups, blocks, reports, and
/// everything the caller has said; one file at a time
#[utoipa::path(
    get, path = "/h5/user/export", tag = "user", operation_id = "exportAccount",
    responses(
        (status = 200, description = "The file: lines with a `type`, the last of them `end`",
         content_type = "application/x-ndjson", body = String,
         headers(("Content-Disposition" = String))),
        NotSignedIn, NotServed,
        (status = 429, description = "`RATE_LIMITED`: the caller's last file is being sent, or was sent a short while ago, \
                                      or too much is under way from this address",
         body = ErrorEnvelope<'static>, headers(("Retry-After" = u64, description = "Seconds to wait")))
    ),
    security(("token" = []), ("bearer" = []))
)]
pub(super) async fn export(
    caller: Exporter,
    address: ClientAddress,
    State(app): State<App>,
) -> Result<Response, Refusal> {
    let place = app.downloads.take(Some(address.subscriber()))?;
    let request = caller.request(GetUserRequest { id: caller.id.to_string() });
    let user = filled(app.user().get_user(request).await?.into_inner().user)?;
    let (mut lines, sent) = sending::lines();
    let export = async move {
        if let Err(status) = write(&mut lines, &app, &caller, &user).await {
            lines.break_off(status).await;
        }
        // Before the reader sees the end, and may ask again.
        drop((caller, place));
        drop(lines);
    };
    let export = waiting::on_behalf_of(address.subscriber(), export);
    tokio::spawn(CallContext::unhurried().scope(export).in_current_span());
    let mut response = Response::new(Body::from_stream(sent));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, NDJSON);
    headers.insert(header::CONTENT_DISPOSITION, DISPOSITION);
    headers.insert(header::CACHE_CONTROL, NOT_STORED);
    Ok(response)
}

/// Writes everything, a part at a time: what has not been read yet is not asked for.
async fn write(lines: &mut Lines, app: &App, caller: &Caller, user: &User) -> Result<(), Status> {
    lines.add(Kind::Account, OwnAccount::from(user))?;
    write_pages(lines, app, caller).await?;
    write_groups(lines, app, caller).await?;
    write_conduct(lines, app, caller).await?;
    let ask = |page_token| {
        let (mut client, message) = (app.record(), ExportMessagesRequest { page_token, ..Default::default() });
        async move { client.export_messages(caller.request(message)).await }
    };
    lines
        .each_part(ask, |lines, part| {
            part.messages.iter().try_for_each(|message| lines.add(Kind::Message, Message::from(message)))?;
            Ok(part.next_page_token)
        })
        .await?;
    lines.add(Kind::End, End {})?;
    lines.send().await
}

async fn write_pages(lines: &mut Lines, app: &App, caller: &Caller) -> Result<(), Status> {
    let ask = |page_token| {
        let (mut client, message) = (app.merchant(), ListMembershipsRequest { page_size: PAGES, page_token });
        async move { client.list_memberships(caller.request(message)).await }
    };
    lines
        .each_part(ask, |lines, part| {
            let mut joined = part.memberships.iter().filter_map(JoinedPage::of);
            joined.try_for_each(|page| lines.add(Kind::PageJoined, page))?;
            Ok(part.next_page_token)
        })
        .await?;
    let ask = |page_token| {
        let (mut client, message) = (app.page(), ListOwnPagesRequest { page_size: PAGES, page_token });
        async move { client.list_own_pages(caller.request(message)).await }
    };
    lines
        .each_part(ask, |lines, part| {
            part.merchants.iter().try_for_each(|page| lines.add(Kind::PageOpened, Page::from(page)))?;
            Ok(part.next_page_token)
        })
        .await
}

async fn write_groups(lines: &mut Lines, app: &App, caller: &Caller) -> Result<(), Status> {
    let ask = |page_token| {
        let message = ListConversationsRequest { page_size: 0, page_token, heads_only: true };
        let mut client = app.message();
        async move { client.list_conversations(caller.request(message)).await }
    };
    let nobody = People::default();
    lines
        .each_part(ask, |lines, part| {
            let mut groups = part.conversations.iter().filter_map(|group| Conversation::of(group, &nobody));
            groups.try_for_each(|group| lines.add(Kind::Group, group))?;
            Ok(part.next_page_token)
        })
        .await
}

async fn write_conduct(lines: &mut Lines, app: &App, caller: &Caller) -> Result<(), Status> {
    let ask = |page_token| {
        let (mut client, message) = (app.conduct(), ListBlocksRequest { page_size: 0, page_token });
        async move { client.list_blocks(caller.request(message)).await }
    };
    lines
        .each_part(ask, |lines, part| {
            part.blocks.iter().try_for_each(|block| lines.add(Kind::Block, Block::from(block)))?;
            Ok(part.next_page_token)
        })
        .await?;
    let ask = |page_token| {
        let (mut client, message) = (app.conduct(), ListOwnReportsRequest { page_size: 0, page_token });
        async move { client.list_own_reports(caller.request(message)).await }
    };
    lines
        .each_part(ask, |lines, part| {
            part.reports.iter().try_for_each(|report| lines.add(Kind::Report, Report::from(report)))?;
            Ok(part.next_page_token)
        })
        .await
}
