//! The group service: group chats (群聊) of merchant pages, who is in them, and what is said there: one consistency
//! boundary. Asks the merchant service who owns a page and who has joined it, and the file service whose an upload is;
//! tells the bus what has been stored.

mod announce;
mod commit;
pub mod config;
pub mod domain;
mod error;
mod rpc;
pub mod store;
mod uploads;

use chatroom_kit::{auth::Verifier, bus::Bus, clock::Clock, link::Link};
use chatroom_proto::{
    group::v1::group_service_server::GroupServiceServer, message::v1::message_service_server::MessageServiceServer,
};
use tonic::service::Routes;

pub use error::Error;
pub use store::Store;

/// The ways to the services that this one asks.
#[derive(Clone, Debug)]
pub struct Links {
    /// Who owns a page, and who has joined it.
    pub merchant: Link,
    /// Whose a file is.
    pub file: Link,
}

/// The service's routes. What is stored is told on `bus`.
pub fn routes(store: Store, links: Links, bus: Bus, verifier: Verifier, clock: Clock) -> Routes {
    let service = rpc::Service::new(store, links, bus, verifier, clock);
    let routes = Routes::new(GroupServiceServer::new(service.clone())).add_service(MessageServiceServer::new(service));
    chatroom_kit::rpc::surround(routes)
}
