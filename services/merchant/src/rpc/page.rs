//! What becomes of pages, over gRPC.

use chatroom_kit::{
    auth::Caller,
    cursor::{self, TimeCursor},
    fields::{DisplayName, Icon},
    ids::{MerchantId, UserId},
    wire,
};
use chatroom_proto::merchant::v1::{
    CheckNoOpenPagesRequest, CheckNoOpenPagesResponse, CloseMerchantRequest, CloseMerchantResponse,
    LeaveMerchantRequest, LeaveMerchantResponse, ListOwnPagesRequest, ListOwnPagesResponse, ListPageDeedsRequest,
    ListPageDeedsResponse, ListPageMembersRequest, ListPageMembersResponse, PageDeed, PageDeedKind,
    TransferMerchantRequest, TransferMerchantResponse, UpdateMerchantRequest, UpdateMerchantResponse,
    page_service_server::PageService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode_membership, encode_merchant, only_id};
use crate::{
    domain::{Deed, DeedKind, MerchantPatch},
    error::Error,
};

impl Service {
    /// What a request says is to change; another customer-service user must be somebody.
    async fn patch(&self, caller: &Caller, asked: &UpdateMerchantRequest) -> Result<MerchantPatch, Error> {
        let patch = MerchantPatch {
            name: asked.name.as_deref().map(|name| DisplayName::parse("name", name)).transpose()?,
            icon: asked.icon.as_deref().map(Icon::parse).transpose()?,
            customer: asked.customer.as_deref().map(|id| UserId::parse("customer", id)).transpose()?,
        };
        if let Some(customer) = patch.customer {
            self.customer_must_exist(caller, customer).await?;
        }
        Ok(patch)
    }
}

#[tonic::async_trait]
impl PageService for Service {
    async fn update_merchant(
        &self,
        request: Request<UpdateMerchantRequest>,
    ) -> Result<Response<UpdateMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let patch = self.patch(&caller, request.get_ref()).await?;
        let page = self.store.update_merchant(id, caller.id, &patch, self.clock.now()).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %id, "merchant page changed");
        Ok(Response::new(UpdateMerchantResponse { merchant: Some(encode_merchant(page)) }))
    }

    async fn transfer_merchant(
        &self,
        request: Request<TransferMerchantRequest>,
    ) -> Result<Response<TransferMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let to = UserId::parse("user", &request.get_ref().user)?;
        let page = self.store.transfer(id, caller.id, to, self.clock.now()).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %id, to = %to, "merchant page handed on");
        Ok(Response::new(TransferMerchantResponse { merchant: Some(encode_merchant(page.seen_by(caller.id))) }))
    }

    async fn close_merchant(
        &self,
        request: Request<CloseMerchantRequest>,
    ) -> Result<Response<CloseMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let page = self.store.close(id, caller.id, self.clock.now()).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %id, "merchant page closed");
        Ok(Response::new(CloseMerchantResponse { merchant: Some(encode_merchant(page)) }))
    }

    async fn leave_merchant(
        &self,
        request: Request<LeaveMerchantRequest>,
    ) -> Result<Response<LeaveMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        self.store.leave(caller.id, id).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %id, "merchant page left");
        Ok(Response::new(LeaveMerchantResponse {}))
    }

    async fn list_page_members(
        &self,
        request: Request<ListPageMembersRequest>,
    ) -> Result<Response<ListPageMembersResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListPageMembersRequest { merchant, page_size, page_token } = request.get_ref();
        let id = MerchantId::parse("merchant", merchant)?;
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        let page = self.store.merchant(id, caller.id).await.map_err(Error::from)?;
        let (page, _) = page.ok_or(Error::MerchantNotFound)?;
        page.must_belong_to(caller.id).map_err(Error::from)?;
        let mut members = self.store.members(id, after, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut members, limit, |member| (member.created_at, member.id));
        let memberships = members.iter().map(|member| encode_membership(member, only_id(id))).collect();
        Ok(Response::new(ListPageMembersResponse { memberships, next_page_token }))
    }

    async fn list_page_deeds(
        &self,
        request: Request<ListPageDeedsRequest>,
    ) -> Result<Response<ListPageDeedsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        self.must_administrate(&caller).await?;
        let ListPageDeedsRequest { merchant, page_size, page_token } = request.get_ref();
        let merchant = (!merchant.is_empty()).then(|| MerchantId::parse("merchant", merchant)).transpose()?;
        let limit = wire::page_size(*page_size)?;
        let before = TimeCursor::parse(page_token)?;
        let mut deeds = self.store.deeds(merchant, before, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut deeds, limit, |deed| (deed.created_at, deed.id));
        Ok(Response::new(ListPageDeedsResponse {
            deeds: deeds.into_iter().map(encode_deed).collect(),
            next_page_token,
        }))
    }

    async fn list_own_pages(
        &self,
        request: Request<ListOwnPagesRequest>,
    ) -> Result<Response<ListOwnPagesResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListOwnPagesRequest { page_size, page_token } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        let mut pages = self.store.pages_by(caller.id, after, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut pages, limit, |page| (page.created_at, page.id));
        let merchants = pages.into_iter().map(encode_merchant).collect();
        Ok(Response::new(ListOwnPagesResponse { merchants, next_page_token }))
    }

    async fn check_no_open_pages(
        &self,
        request: Request<CheckNoOpenPagesRequest>,
    ) -> Result<Response<CheckNoOpenPagesResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        if self.store.owns_open_page(caller.id).await.map_err(Error::from)? {
            return Err(Error::OwnsPages.into());
        }
        Ok(Response::new(CheckNoOpenPagesResponse {}))
    }
}

fn encode_deed(deed: Deed) -> PageDeed {
    let kind = match deed.kind {
        DeedKind::Opened => PageDeedKind::Opened,
        DeedKind::Updated => PageDeedKind::Updated,
        DeedKind::Transferred => PageDeedKind::Transferred,
        DeedKind::Closed => PageDeedKind::Closed,
        DeedKind::ServingSet => PageDeedKind::ServingSet,
        DeedKind::CodesIssued => PageDeedKind::CodesIssued,
    };
    PageDeed {
        id: deed.id.to_string(),
        kind: kind.into(),
        by: deed.by.to_string(),
        merchant: deed.merchant.map(|id| id.to_string()).unwrap_or_default(),
        user: deed.user.map(|id| id.to_string()).unwrap_or_default(),
        detail: deed.detail,
        create_time: Some(wire::timestamp(deed.created_at)),
    }
}
