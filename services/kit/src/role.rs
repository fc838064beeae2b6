//! What a caller is now, as the user service knows it: the role in a token is as old as the token. Owns no rule about
//! what a role may do.

use chatroom_proto::user::v1::{GetUserRequest, Role, user_service_client::UserServiceClient};
use tonic::Status;

use crate::{auth::Caller, link::Link};

/// Whether `caller` administers, asked on the caller's own behalf. Fails as the call does.
pub async fn is_administrator(users: &UserServiceClient<Link>, caller: &Caller) -> Result<bool, Status> {
    let request = caller.request(GetUserRequest { id: caller.id.to_string() });
    let user = users.clone().get_user(request).await?.into_inner().user;
    Ok(user.is_some_and(|user| user.role() == Role::Administrator))
}
