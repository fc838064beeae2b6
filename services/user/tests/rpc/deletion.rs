//! How an account is deleted, and what services are told of it.

use std::time::Duration;

use chatroom_kit::{clock::Clock, link::Link, testing::Tokens};
use chatroom_proto::user::v1::{
    ConfirmDeletionRequest, DeleteAccountRequest, Deletion, ListDeletionsRequest,
    deletion_service_client::DeletionServiceClient,
};
use tonic::{Code, Status};

use crate::world::{Service, reason};

impl Service {
    fn deletion(&self) -> DeletionServiceClient<Link> {
        DeletionServiceClient::new(self.link.clone())
    }

    async fn delete(&self, token: &str, password: &str) -> Result<(), Status> {
        let client_address = "203.0.113.9".into();
        let request = DeleteAccountRequest { password: password.into(), client_address, erase_messages: true };
        self.deletion().delete_account(Tokens::request(token, request)).await.map(drop)
    }

    async fn deletions(&self, token: &str) -> Result<Vec<Deletion>, Status> {
        let request = Tokens::request(token, ListDeletionsRequest { page_size: 0 });
        Ok(self.deletion().list_deletions(request).await?.into_inner().deletions)
    }
}

#[tokio::test]
async fn a_name_is_given_free_after_thirty_days() {
    let service = Service::start().await;
    service.register("lily", "123456", "r-1").await.unwrap();
    let token = service.login("lily", "123456").await.unwrap().token;
    assert_eq!(reason(service.delete(&token, "654321").await), (Code::PermissionDenied, "PASSWORD_WRONG".into()));
    service.delete(&token, "123456").await.unwrap();
    assert_eq!(reason(service.delete(&token, "123456").await).0, Code::Unauthenticated);
    assert_eq!(reason(service.login("lily", "123456").await).1, "INVALID_CREDENTIALS");
    let refused = (Code::AlreadyExists, "USERNAME_TAKEN".to_owned());
    // Nor is the request that opened it answered again.
    assert_eq!(reason(service.register("Lily", "123456", "r-1").await), refused);
    service.clock.advance(Duration::from_hours(30 * 24));
    service.register("Lily", "123456", "r-2").await.unwrap();
    assert_eq!(reason(service.register("已注销用户", "123456", "").await), refused);
}

#[tokio::test]
async fn a_service_hears_of_it_until_it_has_confirmed() {
    let clock = Clock::standing_at(Clock::system().now());
    let tokens = Tokens::new(clock.clone());
    let service = Service::start_believing(&tokens, clock).await;
    let user = service.register("lily", "123456", "").await.unwrap().id;
    service.delete(&tokens.user(user.parse().unwrap()), "123456").await.unwrap();
    let told = Deletion { user: user.clone(), erase_messages: true, avatar: String::new(), settled: false };
    assert_eq!(service.deletions(&tokens.service("group")).await.unwrap(), vec![told.clone()]);
    service.clock.advance(Duration::from_secs(15));
    assert_eq!(service.deletions(&tokens.service("group")).await.unwrap(), vec![Deletion { settled: true, ..told }]);
    let request = ConfirmDeletionRequest { user };
    service.deletion().confirm_deletion(Tokens::request(&tokens.service("group"), request)).await.unwrap();
    assert!(service.deletions(&tokens.service("group")).await.unwrap().is_empty());
    assert_eq!(service.deletions(&tokens.service("merchant")).await.unwrap().len(), 1);
    let stranger = tokens.user(chatroom_kit::ids::UserId::new());
    assert_eq!(reason(service.deletions(&stranger).await).0, Code::Unauthenticated, "users are told nothing");
}
