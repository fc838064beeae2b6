//! Groups and their members.

use chatroom_kit::{
    auth::Caller,
    cursor::{self, TimeCursor},
    fields::{DisplayName, Icon, RequestId},
    ids::{GroupId, MerchantId, UserId},
    wire,
};
use chatroom_proto::group::v1::{
    CreateGroupRequest, CreateGroupResponse, DismissGroupRequest, DismissGroupResponse, GetGroupRequest,
    GetGroupResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, ListGroupsRequest,
    ListGroupsResponse, ListMembersRequest, ListMembersResponse, MuteGroupRequest, MuteGroupResponse,
    MuteMemberRequest, MuteMemberResponse, RemoveMemberRequest, RemoveMemberResponse, SetAdminRequest,
    SetAdminResponse, UpdateGroupRequest, UpdateGroupResponse, group_service_server::GroupService,
};
use tonic::{Request, Response, Status};

use super::{Service, encode};
use crate::{
    domain::{GroupKind, GroupPatch, NewGroup, Refusal, Role, mute_until},
    error::Error,
};

#[tonic::async_trait]
impl GroupService for Service {
    async fn create_group(
        &self,
        request: Request<CreateGroupRequest>,
    ) -> Result<Response<CreateGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let new = new_group(&caller, request.get_ref())?;
        let page = self.page(&caller, new.merchant).await?;
        if page.merchant.user != caller.id.to_string() {
            return Err(Error::NotMerchantOwner.into());
        }
        page.must_be_open()?;
        let group = self.store.create_group(&new, self.clock.now()).await?;
        self.announcer.joined(caller.id, group.id);
        tracing::info!(user.id = %caller.id, group.id = %group.id, "group opened");
        Ok(Response::new(CreateGroupResponse { group: Some(encode::group(group)) }))
    }

    async fn list_groups(&self, request: Request<ListGroupsRequest>) -> Result<Response<ListGroupsResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListGroupsRequest { merchant, page_size, page_token } = request.get_ref();
        let merchant = MerchantId::parse("merchant", merchant)?;
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        let mut listed = self.store.groups(merchant, caller.id, after, limit + 1).await.map_err(Error::from)?;
        if listed.is_empty() {
            // A page with groups exists; only for one without must its service be asked.
            self.page(&caller, merchant).await?;
        }
        let next_page_token = cursor::cut(&mut listed, limit, |it| (it.group.created_at, it.group.id));
        let groups = listed.into_iter().map(encode::listed).collect();
        Ok(Response::new(ListGroupsResponse { groups, next_page_token }))
    }

    async fn get_group(&self, request: Request<GetGroupRequest>) -> Result<Response<GetGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let group = GroupId::parse("group", &request.get_ref().group)?;
        let access = self.access(group, caller.id).await?;
        if access.group.kind == GroupKind::Service {
            access.must_be_member().map_err(Error::from)?;
        }
        let member = access.member.as_ref().map(encode::member);
        Ok(Response::new(GetGroupResponse { group: Some(encode::group(access.group)), member }))
    }

    async fn join_group(&self, request: Request<JoinGroupRequest>) -> Result<Response<JoinGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let id = GroupId::parse("group", &request.get_ref().group)?;
        let group = self.access(id, caller.id).await?.group;
        if group.kind == GroupKind::Service {
            return Err(Error::from(Refusal::GroupNotFound).into());
        }
        let page = self.page(&caller, group.merchant).await?;
        if !page.joined {
            return Err(Error::NotPageMember.into());
        }
        let serves = page.merchant.customer == caller.id.to_string();
        let role = if serves { Role::Admin } else { Role::Member };
        let member = self.announced(self.store.join(id, caller.id, role, self.clock.now()).await?);
        self.announcer.joined(caller.id, id);
        Ok(Response::new(JoinGroupResponse { member: Some(encode::member(&member)) }))
    }

    async fn leave_group(&self, request: Request<LeaveGroupRequest>) -> Result<Response<LeaveGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let group = GroupId::parse("group", &request.get_ref().group)?;
        self.announced(self.store.leave(group, caller.id, self.clock.now()).await?);
        Ok(Response::new(LeaveGroupResponse {}))
    }

    async fn list_members(
        &self,
        request: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let ListMembersRequest { group, page_size, page_token } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let limit = wire::page_size(*page_size)?;
        let after = TimeCursor::parse(page_token)?;
        self.access(group, caller.id).await?.must_be_member().map_err(Error::from)?;
        let mut members = self.store.members(group, after, limit + 1).await.map_err(Error::from)?;
        let next_page_token = cursor::cut(&mut members, limit, |member| (member.created_at, member.id));
        let members = members.iter().map(encode::member).collect();
        Ok(Response::new(ListMembersResponse { members, next_page_token }))
    }

    async fn remove_member(
        &self,
        request: Request<RemoveMemberRequest>,
    ) -> Result<Response<RemoveMemberResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let RemoveMemberRequest { group, user, ban } = request.get_ref();
        let (group, user) = (GroupId::parse("group", group)?, UserId::parse("user", user)?);
        let member = self.announced(self.store.remove(group, caller.id, user, *ban, self.clock.now()).await?);
        tracing::info!(user.id = %caller.id, group.id = %group, member.id = %user, ban, "member removed");
        Ok(Response::new(RemoveMemberResponse { member: Some(encode::member(&member)) }))
    }

    async fn mute_member(&self, request: Request<MuteMemberRequest>) -> Result<Response<MuteMemberResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let MuteMemberRequest { group, user, until } = request.get_ref();
        let (group, user) = (GroupId::parse("group", group)?, UserId::parse("user", user)?);
        let now = self.clock.now();
        let until = until.as_ref().map(|time| wire::moment("until", time)).transpose()?;
        let until = mute_until(until, now)?;
        let member = self.announced(self.store.mute(group, caller.id, user, until, now).await?);
        Ok(Response::new(MuteMemberResponse { member: Some(encode::member(&member)) }))
    }

    async fn set_admin(&self, request: Request<SetAdminRequest>) -> Result<Response<SetAdminResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let SetAdminRequest { group, user, admin } = request.get_ref();
        let (group, user) = (GroupId::parse("group", group)?, UserId::parse("user", user)?);
        let member = self.announced(self.store.set_admin(group, caller.id, user, *admin, self.clock.now()).await?);
        Ok(Response::new(SetAdminResponse { member: Some(encode::member(&member)) }))
    }

    async fn mute_group(&self, request: Request<MuteGroupRequest>) -> Result<Response<MuteGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let MuteGroupRequest { group, muted } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let group = self.announced(self.store.mute_all(group, caller.id, *muted, self.clock.now()).await?);
        Ok(Response::new(MuteGroupResponse { group: Some(encode::group(group)) }))
    }

    async fn update_group(
        &self,
        request: Request<UpdateGroupRequest>,
    ) -> Result<Response<UpdateGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let UpdateGroupRequest { group, name, icon } = request.get_ref();
        let group = GroupId::parse("group", group)?;
        let patch = GroupPatch {
            name: name.as_ref().map(|name| DisplayName::parse("name", name)).transpose()?,
            icon: icon.as_ref().map(|icon| Icon::parse(icon)).transpose()?,
        };
        let group = self.announced(self.store.update(group, caller.id, &patch, self.clock.now()).await?);
        Ok(Response::new(UpdateGroupResponse { group: Some(encode::group(group)) }))
    }

    async fn dismiss_group(
        &self,
        request: Request<DismissGroupRequest>,
    ) -> Result<Response<DismissGroupResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let group = GroupId::parse("group", &request.get_ref().group)?;
        let group = self.announced(self.store.dismiss(group, caller.id, self.clock.now()).await?);
        tracing::info!(user.id = %caller.id, group.id = %group.id, "group dismissed");
        Ok(Response::new(DismissGroupResponse { group: Some(encode::group(group)) }))
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
