//! The group service: group chats (群聊) of merchant pages and who is in them. Asks the merchant service who owns a
//! page.

pub mod config;
pub mod domain;
mod error;
mod rpc;
pub mod store;

use chatroom_kit::{auth::Verifier, clock::Clock, link::Link};
use chatroom_proto::group::v1::group_service_server::GroupServiceServer;
use tonic::service::Routes;

pub use error::Error;
pub use store::Store;

/// The service's routes. `merchant` leads to the merchant service.
pub fn routes(store: Store, merchant: Link, verifier: Verifier, clock: Clock) -> Routes {
    let service = rpc::Service::new(store, merchant, verifier, clock);
    chatroom_kit::rpc::surround(Routes::new(GroupServiceServer::new(service)))
}
