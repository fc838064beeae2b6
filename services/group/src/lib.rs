//! The group service: group chats (群聊) of merchant pages, who is in them, and what is said there: one consistency
//! boundary. Asks the merchant service who owns a page and who has joined it; tells the bus what has been stored.

mod announce;
mod commit;
pub mod config;
pub mod domain;
mod error;
mod rpc;
pub mod store;

use chatroom_kit::{auth::Verifier, bus::Bus, clock::Clock, link::Link};
use chatroom_proto::{
    group::v1::group_service_server::GroupServiceServer, message::v1::message_service_server::MessageServiceServer,
};
use tonic::service::Routes;

pub use error::Error;
pub use store::Store;

/// The service's routes. `merchant` leads to the merchant service; what is stored is told on `bus`.
pub fn routes(store: Store, merchant: Link, bus: Bus, verifier: Verifier, clock: Clock) -> Routes {
    let service = rpc::Service::new(store, merchant, bus, verifier, clock);
    let routes = Routes::new(GroupServiceServer::new(service.clone())).add_service(MessageServiceServer::new(service));
    chatroom_kit::rpc::surround(routes)
}
