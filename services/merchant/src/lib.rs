//! The merchant service: merchant pages (商页), the activation codes that open them, and who has joined them. Asks the
//! user service whether a customer-service user exists.

mod code;
pub mod config;
pub mod domain;
mod error;
mod rpc;
mod store;

use std::sync::Arc;

use chatroom_kit::{auth::Verifier, clock::Clock, link::Link};
use chatroom_proto::merchant::v1::{
    merchant_service_server::MerchantServiceServer, page_service_server::PageServiceServer,
};
use tonic::service::Routes;

pub use error::Error;
pub use store::Store;

/// The service's routes. `user` leads to the user service.
pub fn routes(store: Store, user: Link, verifier: Verifier, clock: Clock, settings: &config::Settings) -> Routes {
    let service = Arc::new(rpc::Service::new(store, user, verifier, clock, settings.activation));
    let routes = Routes::new(MerchantServiceServer::from_arc(service.clone()));
    chatroom_kit::rpc::surround(routes.add_service(PageServiceServer::from_arc(service)))
}
