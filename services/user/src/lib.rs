//! The user service: accounts, their passwords, and the tokens that say who is calling. The only place where a token
//! can be made.

mod admin;
pub mod config;
pub mod domain;
mod error;
pub mod keygen;
mod password;
mod rpc;
pub mod services;
mod store;
mod throttle;
mod token;

use anyhow::Context as _;
use chatroom_kit::{auth::Verifier, clock::Clock};
use chatroom_proto::user::v1::user_service_server::UserServiceServer;
use tonic::service::Routes;

pub use admin::grant_admin;
pub use error::Error;
pub use services::Services;
pub use store::Store;
pub use token::{Signer, Token};

/// The service's routes. Starts the threads that hash passwords, which end with the routes.
pub fn routes(
    store: Store,
    signer: Signer,
    services: Services,
    verifier: Verifier,
    clock: Clock,
    settings: &config::Settings,
) -> anyhow::Result<Routes> {
    let service =
        rpc::Service::new(store, signer, services, verifier, clock, settings).context("passwords cannot be hashed")?;
    Ok(chatroom_kit::rpc::surround(Routes::new(UserServiceServer::new(service))))
}
