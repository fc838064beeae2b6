//! The merchant service's RPCs: each decodes, authorises, decides, stores and encodes. Two services over one state.

mod page;

use chatroom_kit::{
    auth::{Caller, Verifier},
    clock::Clock,
    fields::{DisplayName, Icon, RequestId},
    ids::{MerchantId, UserId},
    link::Link,
    role::is_administrator,
    wire,
};
use chatroom_proto::{
    merchant::v1::{
        self as proto, CheckPictureRequest, CheckPictureResponse, CreateMerchantRequest, CreateMerchantResponse,
        GetMerchantRequest, GetMerchantResponse, IssueActivationCodesRequest, IssueActivationCodesResponse,
        JoinMerchantRequest, JoinMerchantResponse, ListMembershipsRequest, ListMembershipsResponse, SetServingRequest,
        SetServingResponse, merchant_service_server::MerchantService,
    },
    user::v1::{GetUserRequest, user_service_client::UserServiceClient},
};
use tonic::{Code, Request, Response, Status};

use crate::{
    config::Activation,
    domain::{ActivationCode, Membership, MembershipId, Merchant, NewBatch, NewMerchant},
    error::Error,
    store::Store,
};

pub(crate) struct Service {
    store: Store,
    users: UserServiceClient<Link>,
    verifier: Verifier,
    clock: Clock,
    activation: Activation,
}

impl Service {
    pub(crate) fn new(store: Store, user: Link, verifier: Verifier, clock: Clock, activation: Activation) -> Self {
        Self { store, users: UserServiceClient::new(user), verifier, clock, activation }
    }

    async fn must_administrate(&self, caller: &Caller) -> Result<(), Error> {
        match is_administrator(&self.users, caller).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::AdminOnly),
            Err(status) => Err(Error::Upstream(status)),
        }
    }

    /// Asks the user service, on the caller's behalf.
    async fn customer_must_exist(&self, caller: &Caller, customer: UserId) -> Result<(), Error> {
        if customer == caller.id {
            // The caller's token says so already.
            return Ok(());
        }
        let request = caller.request(GetUserRequest { id: customer.to_string() });
        match self.users.clone().get_user(request).await {
            Ok(answer) if answer.get_ref().user.as_ref().is_some_and(|user| user.deleted) => {
                Err(Error::CustomerNotFound)
            }
            Ok(_) => Ok(()),
            Err(status) if status.code() == Code::NotFound => Err(Error::CustomerNotFound),
            Err(status) => Err(Error::Upstream(status)),
        }
    }
}

#[tonic::async_trait]
impl MerchantService for Service {
    async fn create_merchant(
        &self,
        request: Request<CreateMerchantRequest>,
    ) -> Result<Response<CreateMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let new = new_merchant(&caller, request.get_ref())?;
        self.customer_must_exist(&caller, new.customer).await?;
        let issued = self.activation == Activation::Issued;
        let merchant = self.store.create_merchant(&new, issued, self.clock.now()).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %merchant.id, "merchant page opened");
        Ok(Response::new(CreateMerchantResponse { merchant: Some(encode_merchant(merchant)) }))
    }

    async fn get_merchant(
        &self,
        request: Request<GetMerchantRequest>,
    ) -> Result<Response<GetMerchantResponse>, Status> {
        let viewer = match self.verifier.caller(&request) {
            Ok(caller) => Some(caller.id),
            Err(_) => self.verifier.service(&request).map(|_| None)?,
        };
        let id = MerchantId::parse("id", &request.get_ref().id)?;
        let seen = self.store.merchant(id, viewer).await.map_err(Error::from)?;
        let (merchant, joined) = seen.ok_or(Error::MerchantNotFound)?;
        Ok(Response::new(GetMerchantResponse { merchant: Some(encode_merchant(merchant.seen_by(viewer))), joined }))
    }

    async fn check_picture(
        &self,
        request: Request<CheckPictureRequest>,
    ) -> Result<Response<CheckPictureResponse>, Status> {
        self.verifier.service(&request)?;
        let used = self.store.is_icon(&request.get_ref().path).await.map_err(Error::from)?;
        Ok(Response::new(CheckPictureResponse { used }))
    }

    async fn set_serving(&self, request: Request<SetServingRequest>) -> Result<Response<SetServingResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let serving = request.get_ref().serving;
        let merchant = self.store.set_serving(id, caller.id, serving, self.clock.now()).await?;
        tracing::info!(user.id = %caller.id, merchant.id = %id, serving, "customer service set");
        Ok(Response::new(SetServingResponse { merchant: Some(encode_merchant(merchant.seen_by(caller.id))) }))
    }

    async fn join_merchant(
        &self,
        request: Request<JoinMerchantRequest>,
    ) -> Result<Response<JoinMerchantResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = MerchantId::parse("merchant", &request.get_ref().merchant)?;
        let membership = self.store.join(caller.id, id, self.clock.now()).await?;
        Ok(Response::new(JoinMerchantResponse { membership: Some(encode_membership(&membership, only_id(id))) }))
    }

    async fn list_memberships(
        &self,
        request: Request<ListMembershipsRequest>,
    ) -> Result<Response<ListMembershipsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListMembershipsRequest { page_size, page_token } = request.get_ref();
        let limit = wire::page_size(*page_size)?;
        let after = match page_token.as_str() {
            "" => None,
            token => Some(MembershipId::parse("page_token", token)?),
        };
        let mut listed = self.store.memberships(caller.id, after, limit + 1).await?;
        let more = wire::cut(&mut listed, limit);
        let next = more.then(|| listed.last()).flatten();
        let next_page_token = next.map(|(membership, _)| membership.id.to_string()).unwrap_or_default();
        let memberships = listed
            .into_iter()
            .map(|(membership, page)| encode_membership(&membership, encode_merchant(page.seen_by(caller.id))))
            .collect();
        Ok(Response::new(ListMembershipsResponse { memberships, next_page_token }))
    }

    async fn issue_activation_codes(
        &self,
        request: Request<IssueActivationCodesRequest>,
    ) -> Result<Response<IssueActivationCodesResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        self.must_administrate(&caller).await?;
        let now = self.clock.now();
        let asked = request.get_ref();
        let expires_at = asked.expire_time.as_ref().map(|time| wire::moment("expiresAt", time)).transpose()?;
        let new = NewBatch::parse(caller.id, asked.count, expires_at, RequestId::parse(&asked.request_id)?, now)?;
        let codes = self.store.issue_codes(&new, now).await?;
        tracing::info!(user.id = %caller.id, count = codes.len(), "activation codes issued");
        Ok(Response::new(IssueActivationCodesResponse { codes }))
    }
}

fn new_merchant(caller: &Caller, asked: &CreateMerchantRequest) -> Result<NewMerchant, Error> {
    Ok(NewMerchant {
        user: caller.id,
        activation_code: ActivationCode::parse(&asked.activation_code)?,
        name: DisplayName::parse("name", &asked.name)?,
        icon: Icon::parse(&asked.icon)?,
        customer: UserId::parse("customer", &asked.customer)?,
        request_id: RequestId::parse(&asked.request_id)?,
    })
}

fn encode_merchant(merchant: Merchant) -> proto::Merchant {
    proto::Merchant {
        id: merchant.id.to_string(),
        user: merchant.user.to_string(),
        activation_code: merchant.activation_code,
        name: merchant.name,
        icon: merchant.icon,
        customer: merchant.customer.to_string(),
        version: merchant.version,
        create_time: Some(wire::timestamp(merchant.created_at)),
        update_time: Some(wire::timestamp(merchant.updated_at)),
        serving: merchant.serving,
        close_time: merchant.closed_at.map(wire::timestamp),
    }
}

/// A page reduced to its id.
fn only_id(id: MerchantId) -> proto::Merchant {
    proto::Merchant { id: id.to_string(), ..Default::default() }
}

fn encode_membership(membership: &Membership, page: proto::Merchant) -> proto::Membership {
    proto::Membership {
        id: membership.id.to_string(),
        user: membership.user.to_string(),
        merchant: Some(page),
        version: membership.version,
        create_time: Some(wire::timestamp(membership.created_at)),
        update_time: Some(wire::timestamp(membership.updated_at)),
    }
}
