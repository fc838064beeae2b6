//! The user service, as far as it is asked here: who is an administrator, whose picture a file is, and this service's own
//! tokens.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use chatroom_kit::{
    auth::{ISSUER, SERVICE_AUDIENCE, ServiceClaims},
    ids::UserId,
    link::Link,
    testing::Tokens,
};
use chatroom_proto::user::v1::{
    CheckPictureRequest, CheckPictureResponse, GetUserRequest, GetUserResponse, IssueServiceTokenRequest,
    IssueServiceTokenResponse, Role, User,
};
use prost_types::Timestamp;
use tonic::Request;

use crate::served::Served;

/// When this service's token ends: after any clock.
const FAR: i64 = 10_000_000_000;

/// Everybody, who of them is an administrator, and what picture somebody has.
#[derive(Clone)]
pub(crate) struct People {
    administrators: Arc<Mutex<HashSet<UserId>>>,
    picture: Arc<Mutex<String>>,
    tokens: Arc<Tokens>,
}

impl People {
    pub(crate) fn new(tokens: Arc<Tokens>) -> Self {
        Self { administrators: Arc::default(), picture: Arc::default(), tokens }
    }

    pub(crate) fn link(&self) -> Link {
        let (users, pictures, tokens) = (self.clone(), self.clone(), self.clone());
        Served::default()
            .call("/chatroom.user.v1.UserService/GetUser", move |request: Request<GetUserRequest>| {
                Ok(users.user(request.get_ref()))
            })
            .call("/chatroom.user.v1.UserService/CheckPicture", move |request: Request<CheckPictureRequest>| {
                let used = *pictures.picture.lock().unwrap() == request.get_ref().path;
                Ok(CheckPictureResponse { used })
            })
            .call(
                "/chatroom.user.v1.UserService/IssueServiceToken",
                move |request: Request<IssueServiceTokenRequest>| Ok(tokens.issue(request.get_ref())),
            )
            .link()
    }

    pub(crate) fn promote(&self, user: UserId) {
        self.administrators.lock().unwrap().insert(user);
    }

    pub(crate) fn demote(&self, user: UserId) {
        self.administrators.lock().unwrap().remove(&user);
    }

    /// Gives somebody this picture, and no other.
    pub(crate) fn show(&self, path: &str) {
        path.clone_into(&mut self.picture.lock().unwrap());
    }

    fn user(&self, request: &GetUserRequest) -> GetUserResponse {
        let administrator = self.administrators.lock().unwrap().iter().any(|id| id.to_string() == request.id);
        let role = if administrator { Role::Administrator } else { Role::User };
        GetUserResponse { user: Some(User { id: request.id.clone(), role: role.into(), ..User::default() }) }
    }

    fn issue(&self, request: &IssueServiceTokenRequest) -> IssueServiceTokenResponse {
        let claims = ServiceClaims {
            iss: ISSUER.to_owned(),
            aud: SERVICE_AUDIENCE.to_owned(),
            sub: request.service.clone(),
            iat: 0,
            exp: FAR,
            jti: "test".to_owned(),
        };
        let expire_time = Some(Timestamp { seconds: FAR, nanos: 0 });
        IssueServiceTokenResponse { token: self.tokens.sign(&claims), expire_time }
    }
}
