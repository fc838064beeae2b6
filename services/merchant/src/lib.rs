//! The merchant service: merchant pages (商页), the activation codes that open them, and who has joined them. Asks the
//! user service whether a customer-service user exists.

mod code;
pub mod config;
mod deleted;
pub mod domain;
mod error;
mod rpc;
mod store;

use std::sync::Arc;

use chatroom_kit::{auth::Verifier, clock::Clock, deletions, link::Link, service_token::ServiceTokens};
use chatroom_proto::merchant::v1::{
    merchant_service_server::MerchantServiceServer, page_service_server::PageServiceServer,
};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

pub use error::Error;
pub use store::Store;

/// The service's routes, and its work that no call asks for, which goes on until `stop`. `user` leads to the user
/// service, which is asked with `tokens` where no user stands behind a call.
pub fn start(
    store: Store,
    user: Link,
    tokens: ServiceTokens,
    verifier: Verifier,
    clock: Clock,
    settings: &config::Settings,
    stop: CancellationToken,
) -> Routes {
    let deleted = deleted::Deleted::new(store.clone(), clock.clone());
    tokio::spawn(deletions::follow(deleted, user.clone(), tokens, stop));
    let database = store.pulse();
    let service = Arc::new(rpc::Service::new(store, user, verifier, clock, settings.activation));
    let routes = Routes::new(MerchantServiceServer::from_arc(service.clone()));
    chatroom_kit::rpc::surround(routes.add_service(PageServiceServer::from_arc(service)), database)
}
