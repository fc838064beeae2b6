//! How long messages are kept, and how someone is given what they have said.

use chatroom_kit::{
    error::{Invalid, Problem},
    ids::{GroupId, MerchantId, UserId},
    wire,
};
use chatroom_proto::record::v1::{
    ExportMessagesRequest, ExportMessagesResponse, GetRetentionRequest, GetRetentionResponse, SetRetentionRequest,
    SetRetentionResponse, record_service_server::RecordService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::error::Error;

/// For how many days messages may be kept.
const DAYS: (i32, i32) = (1, 3650);

#[tonic::async_trait]
impl RecordService for Service {
    async fn set_retention(
        &self,
        request: Request<SetRetentionRequest>,
    ) -> Result<Response<SetRetentionResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SetRetentionRequest { merchant, days } = request.get_ref();
        let merchant = MerchantId::parse("merchant", merchant)?;
        if days.is_some_and(|days| !(DAYS.0..=DAYS.1).contains(&days)) {
            return Err(Invalid::new("days", Problem::OutOfRange(DAYS.0.into(), DAYS.1.into())).into());
        }
        self.must_own_page(&caller, merchant).await?;
        self.store.set_retention(merchant, *days, self.clock.now()).await.map_err(Error::from)?;
        tracing::info!(user.id = %caller.id, merchant.id = %merchant, days, "retention set");
        Ok(Response::new(SetRetentionResponse {}))
    }

    async fn get_retention(
        &self,
        request: Request<GetRetentionRequest>,
    ) -> Result<Response<GetRetentionResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let merchant = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        self.must_own_page(&caller, merchant).await?;
        let days = self.store.retention(merchant).await.map_err(Error::from)?;
        Ok(Response::new(GetRetentionResponse { days }))
    }

    async fn export_messages(
        &self,
        request: Request<ExportMessagesRequest>,
    ) -> Result<Response<ExportMessagesResponse>, Status> {
        let user = self.subject(&request, &request.get_ref().user)?;
        let ExportMessagesRequest { page_size, page_token, .. } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let after = (!page_token.is_empty()).then(|| parse_place(page_token)).transpose()?;
        let mut messages = self.store.said_by(user, after, limit + 1).await.map_err(Error::from)?;
        let mut more = wire::cut(&mut messages, limit);
        let fitting = encode::fitting(messages.iter().map(Some));
        more |= fitting < messages.len();
        messages.truncate(fitting);
        let next = more.then(|| messages.last()).flatten().map(|last| format!("{}.{}", last.seq, last.group));
        let messages = messages.into_iter().map(encode::message).collect();
        Ok(Response::new(ExportMessagesResponse { messages, next_page_token: next.unwrap_or_default() }))
    }
}

impl Service {
    /// Whom a request is about: the user whose token it carries, or whomever a service names.
    fn subject<T>(&self, request: &Request<T>, named: &str) -> Result<UserId, Status> {
        if let Ok(caller) = self.verifier.caller(request) {
            if named.is_empty() || named == caller.id.to_string() {
                return Ok(caller.id);
            }
            return Err(Invalid::new("user", Problem::Malformed).into());
        }
        self.verifier.service(request)?;
        Ok(UserId::parse("user", named)?)
    }
}

/// Reads `<seq>.<group>`.
fn parse_place(token: &str) -> Result<(GroupId, i64), Invalid> {
    let place = token.split_once('.').and_then(|(seq, group)| Some((group.parse().ok()?, seq.parse().ok()?)));
    place.ok_or(Invalid::new("page_token", Problem::Malformed))
}
