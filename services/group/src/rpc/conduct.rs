//! Blocks, reports, unwanted words, and the record of what was done.

use chatroom_kit::{
    auth::Caller,
    cursor::{self, TimeCursor},
    error::{Invalid, Problem},
    ids::{MerchantId, UserId},
    role::is_administrator,
    wire,
};
use chatroom_proto::{
    conduct::v1::{
        self as proto, CreateReportRequest, CreateReportResponse, GetWordsRequest, GetWordsResponse, ListBlocksRequest,
        ListBlocksResponse, ListModerationActionsRequest, ListModerationActionsResponse, ListOwnReportsRequest,
        ListOwnReportsResponse, ListReportsRequest, ListReportsResponse, ModerationActionKind, ResolveReportRequest,
        ResolveReportResponse, SetBlockRequest, SetBlockResponse, SetWordsRequest, SetWordsResponse,
        conduct_service_server::ConductService, create_report_request::Subject,
    },
    message::v1 as message_proto,
};
use tonic::{Request, Response, Status};

use super::{Service, decode, encode};
use crate::{
    domain::{
        Action, ActionKind, ListedReport, MessageId, NewReport, Refusal, Remark, Report, ReportId, WordList, WordMode,
    },
    error::Error,
};

/// How many reports an answer has unless it says otherwise, and at most.
const REPORTS: (i32, i32) = (50, 200);

#[tonic::async_trait]
impl ConductService for Service {
    async fn set_block(&self, request: Request<SetBlockRequest>) -> Result<Response<SetBlockResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SetBlockRequest { user, blocked } = request.get_ref();
        let user = UserId::parse("user", user)?;
        if user == caller.id {
            return Err(Invalid::new("user", Problem::Malformed).into());
        }
        if !blocked {
            self.store.unblock(caller.id, user).await.map_err(Error::from)?;
        } else if !self.store.block(caller.id, user, self.clock.now()).await.map_err(Error::from)? {
            return Err(Error::BlockLimitReached.into());
        }
        Ok(Response::new(SetBlockResponse {}))
    }

    async fn list_blocks(&self, request: Request<ListBlocksRequest>) -> Result<Response<ListBlocksResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListBlocksRequest { page_size, page_token } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let before = TimeCursor::parse(page_token)?;
        let mut blocks = self.store.blocks(caller.id, before, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut blocks, limit, |block| (block.created_at, block.user));
        let blocks = blocks
            .iter()
            .map(|block| proto::Block {
                user: block.user.to_string(),
                create_time: Some(wire::timestamp(block.created_at)),
            })
            .collect();
        Ok(Response::new(ListBlocksResponse { blocks, next_page_token }))
    }

    async fn create_report(
        &self,
        request: Request<CreateReportRequest>,
    ) -> Result<Response<CreateReportResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let (new, message) = self.new_report(&caller, request.get_ref()).await?;
        let (report, fresh) = self.store.create_report(&new, self.clock.now()).await.map_err(Error::from)?;
        if fresh {
            self.moderator.record(ActionKind::Reported, new.merchant, None, caller.id, report.id.to_string()).await;
        }
        Ok(Response::new(CreateReportResponse { report: Some(encode_report(report, message)) }))
    }

    async fn list_reports(
        &self,
        request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListReportsRequest { merchant, resolved, page_size, page_token } = request.get_ref();
        let merchant = MerchantId::parse("merchant", merchant)?;
        let limit = decode::page_size(*page_size, REPORTS.0, REPORTS.1)?;
        let after = TimeCursor::parse(page_token)?;
        self.must_own_page(&caller, merchant).await?;
        let listed = self.store.reports(merchant, *resolved, after, limit + 1).await;
        let mut listed = listed.map_err(Error::from)?;
        let mut more = wire::cut(&mut listed, limit);
        let fitting = encode::fitting(listed.iter().map(|it| it.message.as_ref()));
        more |= fitting < listed.len();
        listed.truncate(fitting);
        let next_page_token = cursor::next_page_token(&listed, more, |it| (it.report.created_at, it.report.id));
        let reports = listed
            .into_iter()
            .map(|ListedReport { report, message }| encode_report(report, message.map(encode::message)))
            .collect();
        Ok(Response::new(ListReportsResponse { reports, next_page_token }))
    }

    async fn list_own_reports(
        &self,
        request: Request<ListOwnReportsRequest>,
    ) -> Result<Response<ListOwnReportsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListOwnReportsRequest { page_size, page_token } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        let mut reports = self.store.reports_by(caller.id, after, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut reports, limit, |report| (report.created_at, report.id));
        let reports = reports.into_iter().map(|report| encode_report(report, None)).collect();
        Ok(Response::new(ListOwnReportsResponse { reports, next_page_token }))
    }

    async fn resolve_report(
        &self,
        request: Request<ResolveReportRequest>,
    ) -> Result<Response<ResolveReportResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = ReportId::parse("report", &request.get_ref().report)?;
        let resolution = Remark::parse("resolution", &request.get_ref().resolution)?;
        let report = self.store.report(id).await.map_err(Error::from)?.ok_or(Error::ReportNotFound)?;
        match self.must_own_page(&caller, report.merchant).await {
            Err(Error::NotMerchantOwner) => return Err(Error::ReportNotFound.into()),
            outcome => outcome?,
        }
        let resolved = self.store.resolve_report(id, &resolution, self.clock.now()).await.map_err(Error::from)?;
        if let Some(resolved) = &resolved {
            let detail = resolved.id.to_string();
            self.moderator.record(ActionKind::Resolved, resolved.merchant, None, caller.id, detail).await;
        }
        let report = match resolved {
            Some(resolved) => resolved,
            // It was dealt with before, or just now by somebody else.
            None => self.store.report(id).await.map_err(Error::from)?.ok_or(Error::ReportNotFound)?,
        };
        Ok(Response::new(ResolveReportResponse { report: Some(encode_report(report, None)) }))
    }

    async fn set_words(&self, request: Request<SetWordsRequest>) -> Result<Response<SetWordsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SetWordsRequest { merchant, words, .. } = request.get_ref();
        let merchant = MerchantId::parse("merchant", merchant)?;
        let mode = match request.get_ref().mode() {
            proto::WordMode::Mask => WordMode::Mask,
            proto::WordMode::Refuse => WordMode::Refuse,
            proto::WordMode::Unspecified => return Err(Invalid::new("mode", Problem::Missing).into()),
        };
        self.must_own_page(&caller, merchant).await?;
        let words = words.clone();
        // A hundred thousand words take a while, in which this thread would serve nobody else.
        let list = tokio::task::spawn_blocking(move || WordList::parse(mode, &words))
            .await
            .map_err(|_| Error::ModerationUnavailable)??;
        let version = self.store.set_words(merchant, &list, self.clock.now()).await.map_err(Error::from)?;
        self.moderator.set_version(merchant, if list.words.is_empty() { 0 } else { version });
        let count = list.words.len();
        self.moderator.record(ActionKind::WordsSet, merchant, None, caller.id, count.to_string()).await;
        Ok(Response::new(SetWordsResponse { count: i32::try_from(count).unwrap_or(i32::MAX) }))
    }

    async fn get_words(&self, request: Request<GetWordsRequest>) -> Result<Response<GetWordsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let merchant = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        self.must_own_page(&caller, merchant).await?;
        let Some((list, _)) = self.store.words(merchant).await.map_err(Error::from)? else {
            return Ok(Response::new(GetWordsResponse::default()));
        };
        let mode = match list.mode {
            WordMode::Mask => proto::WordMode::Mask,
            WordMode::Refuse => proto::WordMode::Refuse,
        };
        Ok(Response::new(GetWordsResponse { mode: mode.into(), words: list.words }))
    }

    async fn list_moderation_actions(
        &self,
        request: Request<ListModerationActionsRequest>,
    ) -> Result<Response<ListModerationActionsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListModerationActionsRequest { merchant, page_size, page_token } = request.get_ref();
        let merchant = match merchant.as_str() {
            "" => None,
            id => Some(MerchantId::parse("merchant", id)?),
        };
        let limit = wire::page_size(*page_size)?;
        let before = TimeCursor::parse(page_token)?;
        self.must_administrate(&caller).await?;
        let mut actions = self.store.actions(merchant, before, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut actions, limit, |action| (action.created_at, action.id));
        let actions = actions.into_iter().map(encode_action).collect();
        Ok(Response::new(ListModerationActionsResponse { actions, next_page_token }))
    }
}

impl Service {
    /// What is reported to whom, and the message as far as its reporter is answered it.
    async fn new_report(
        &self,
        caller: &Caller,
        asked: &CreateReportRequest,
    ) -> Result<(NewReport, Option<message_proto::Message>), Error> {
        let reason = Remark::parse("reason", &asked.reason)?;
        match &asked.subject {
            Some(Subject::Message(id)) => {
                let id = MessageId::parse("message", id)?;
                let message = self.store.message(id).await?.ok_or(Refusal::MessageNotFound)?;
                let access = self.access(message.group, caller.id).await?;
                access.must_be_member().map_err(|refusal| match refusal {
                    // A private conversation is not there for others, nor is what is said in it.
                    Refusal::GroupNotFound => Refusal::MessageNotFound,
                    other => other,
                })?;
                if message.content.is_none() {
                    return Err(Refusal::MessageRecalled.into());
                }
                let new = NewReport {
                    merchant: access.group.merchant,
                    reporter: caller.id,
                    user: message.sender.user(),
                    message: Some(id),
                    reason,
                };
                Ok((new, Some(named(&message))))
            }
            Some(Subject::User(user)) => {
                let user = UserId::parse("user", user)?;
                let merchant = MerchantId::parse("merchant", &asked.merchant)?;
                if user == caller.id {
                    return Err(Invalid::new("user", Problem::Malformed).into());
                }
                if !self.page(caller, merchant).await?.joined {
                    return Err(Error::NotPageMember);
                }
                Ok((NewReport { merchant, reporter: caller.id, user: Some(user), message: None, reason }, None))
            }
            None => Err(Invalid::new("message", Problem::Missing).into()),
        }
    }

    async fn must_administrate(&self, caller: &Caller) -> Result<(), Error> {
        match is_administrator(&self.users, caller).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::AdminOnly),
            Err(status) => Err(Error::Upstream(status)),
        }
    }
}

/// A message by its name and place only.
fn named(message: &crate::domain::Message) -> message_proto::Message {
    message_proto::Message {
        id: message.id.to_string(),
        group: message.group.to_string(),
        seq: message.seq,
        ..message_proto::Message::default()
    }
}

fn encode_report(report: Report, message: Option<message_proto::Message>) -> proto::Report {
    let message = message.or_else(|| {
        report.message.map(|id| message_proto::Message { id: id.to_string(), ..message_proto::Message::default() })
    });
    proto::Report {
        id: report.id.to_string(),
        merchant: report.merchant.to_string(),
        reporter: report.reporter.to_string(),
        user: report.user.map(|user| user.to_string()).unwrap_or_default(),
        message,
        reason: report.reason,
        resolve_time: report.resolved_at.map(wire::timestamp),
        resolution: report.resolution.unwrap_or_default(),
        create_time: Some(wire::timestamp(report.created_at)),
    }
}

fn encode_action(action: Action) -> proto::ModerationAction {
    let kind = match action.kind {
        ActionKind::Masked => ModerationActionKind::Masked,
        ActionKind::Refused => ModerationActionKind::Refused,
        ActionKind::Replaced => ModerationActionKind::Replaced,
        ActionKind::Rejected => ModerationActionKind::Rejected,
        ActionKind::Reported => ModerationActionKind::Reported,
        ActionKind::Resolved => ModerationActionKind::Resolved,
        ActionKind::WordsSet => ModerationActionKind::WordsSet,
    };
    proto::ModerationAction {
        id: action.id.to_string(),
        kind: kind.into(),
        merchant: action.merchant.to_string(),
        group: action.group.map(|group| group.to_string()).unwrap_or_default(),
        user: action.user.to_string(),
        detail: action.detail,
        create_time: Some(wire::timestamp(action.created_at)),
    }
}
