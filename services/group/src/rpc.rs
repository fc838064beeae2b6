//! The group service's RPCs: each decodes, authorises, decides, stores and encodes.

use chatroom_kit::{
    auth::{Caller, Verifier},
    clock::Clock,
    error::{Invalid, Problem},
    fields::{DisplayName, Icon, RequestId},
    ids::MerchantId,
    link::Link,
    wire,
};
use chatroom_proto::{
    group::v1::{
        self as proto, CreateGroupRequest, CreateGroupResponse, ListGroupsRequest, ListGroupsResponse,
        group_service_server::GroupService,
    },
    merchant::v1::{GetMerchantRequest, Merchant, merchant_service_client::MerchantServiceClient},
};
use tonic::{Request, Response, Status};

use crate::{
    domain::{Cursor, Group, ListedGroup, NewGroup},
    error::Error,
    store::Store,
};

pub(crate) struct Service {
    store: Store,
    merchants: MerchantServiceClient<Link>,
    verifier: Verifier,
    clock: Clock,
}

impl Service {
    pub(crate) fn new(store: Store, merchant: Link, verifier: Verifier, clock: Clock) -> Self {
        Self { store, merchants: MerchantServiceClient::new(merchant), verifier, clock }
    }

    /// Asks the merchant service, on the caller's behalf; MERCHANT_NOT_FOUND is its own word and passes.
    async fn merchant(&self, caller: &Caller, id: MerchantId) -> Result<Merchant, Error> {
        let request = caller.request(GetMerchantRequest { id: id.to_string() });
        let answer = self.merchants.clone().get_merchant(request).await.map_err(Error::Upstream)?;
        Ok(answer.into_inner().merchant.unwrap_or_default())
    }
}

#[tonic::async_trait]
impl GroupService for Service {
    async fn create_group(
        &self,
        request: Request<CreateGroupRequest>,
    ) -> Result<Response<CreateGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let new = new_group(&caller, request.get_ref())?;
        if self.merchant(&caller, new.merchant).await?.user != caller.id.to_string() {
            return Err(Error::NotMerchantOwner.into());
        }
        let group = self.store.create_group(&new, self.clock.now()).await.map_err(Error::from)?;
        tracing::info!(user.id = %caller.id, group.id = %group.id, "group opened");
        Ok(Response::new(CreateGroupResponse { group: Some(encode_group(group)) }))
    }

    async fn list_groups(&self, request: Request<ListGroupsRequest>) -> Result<Response<ListGroupsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListGroupsRequest { merchant, page_size, page_token } = request.get_ref();
        let merchant = MerchantId::parse("merchant", merchant)?;
        let limit = wire::page_size(*page_size)?;
        let after = parse_token(page_token)?;
        let mut listed = self.store.groups(merchant, caller.id, after, limit + 1).await.map_err(Error::from)?;
        if listed.is_empty() {
            // A page with groups exists; only for one without must its service be asked.
            self.merchant(&caller, merchant).await?;
        }
        let more = wire::cut(&mut listed, limit);
        let next = more.then(|| listed.last()).flatten();
        let next_page_token = next.map(|last| Cursor::after(&last.group).token()).unwrap_or_default();
        let groups = listed.into_iter().map(encode_listed).collect();
        Ok(Response::new(ListGroupsResponse { groups, next_page_token }))
    }
}

fn new_group(caller: &Caller, asked: &CreateGroupRequest) -> Result<NewGroup, Error> {
    Ok(NewGroup {
        user: caller.id,
        merchant: MerchantId::parse("merchant", &asked.merchant)?,
        name: DisplayName::parse("name", &asked.name)?,
        icon: Icon::parse(&asked.icon)?,
        request_id: RequestId::parse(&asked.request_id)?,
    })
}

fn parse_token(token: &str) -> Result<Option<Cursor>, Error> {
    if token.is_empty() {
        return Ok(None);
    }
    let cursor = Cursor::parse(token).ok_or(Invalid::new("page_token", Problem::Malformed))?;
    Ok(Some(cursor))
}

fn encode_listed(listed: ListedGroup) -> proto::ListedGroup {
    proto::ListedGroup { group: Some(encode_group(listed.group)), joined: listed.joined }
}

fn encode_group(group: Group) -> proto::Group {
    proto::Group {
        id: group.id.to_string(),
        user: group.user.to_string(),
        merchant: group.merchant.to_string(),
        name: group.name,
        icon: group.icon,
        version: group.version,
        create_time: Some(wire::timestamp(group.created_at)),
        update_time: Some(wire::timestamp(group.updated_at)),
    }
}
