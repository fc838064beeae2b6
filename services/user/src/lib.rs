//! The user service: accounts, their passwords, and the tokens that say who is calling. The only place where a token
//! can be made.

mod admin;
pub mod config;
pub mod domain;
mod error;
mod files;
pub mod keygen;
mod password;
mod rpc;
pub mod services;
mod store;
mod throttle;
mod token;

use std::sync::Arc;

use anyhow::Context as _;
use chatroom_kit::{auth::Verifier, clock::Clock, link::Link};
use chatroom_proto::user::v1::{
    admin_service_server::AdminServiceServer, deletion_service_server::DeletionServiceServer,
    session_service_server::SessionServiceServer, user_service_server::UserServiceServer,
};
use tonic::service::Routes;

pub use admin::{grant_admin, revoke_admin};
pub use error::Error;
pub use services::Services;
pub use store::Store;
pub use token::{Signer, Token};

/// The service's routes. Starts the threads that hash passwords, which end with the routes.
pub async fn start(
    store: Store,
    files: Link,
    signer: Signer,
    services: Services,
    verifier: Verifier,
    clock: Clock,
    settings: &config::Settings,
) -> anyhow::Result<Routes> {
    store.note_token_ttl(settings.token_ttl).await.context("the database failed")?;
    let files = files::Files::new(files);
    let database = store.pulse();
    let service = rpc::Service::new(store, files, signer, services, verifier, clock, settings)
        .context("passwords cannot be hashed")?;
    let service = Arc::new(service);
    let routes = Routes::new(UserServiceServer::from_arc(service.clone()))
        .add_service(SessionServiceServer::from_arc(service.clone()))
        .add_service(DeletionServiceServer::from_arc(service.clone()))
        .add_service(AdminServiceServer::from_arc(service));
    Ok(chatroom_kit::rpc::surround(routes, database))
}
