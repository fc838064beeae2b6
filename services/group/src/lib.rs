//! The group service: group chats (群聊) of merchant pages, who is in them, and what is said there: one consistency
//! boundary. Asks the merchant service who owns a page and who has joined it, and the file service whose an upload is;
//! tells the bus, and the webhooks of pages, what has been stored.

mod announce;
mod commit;
pub mod config;
mod deleted;
mod deliver;
mod discard;
pub mod domain;
mod error;
mod expire;
mod moderate;
mod rpc;
pub mod store;
mod uploads;

use std::sync::Arc;

use chatroom_kit::{
    auth::Verifier,
    bus::Bus,
    clock::Clock,
    deletions,
    link::{Link, MESSAGE_MAX},
    service_token::ServiceTokens,
};
use chatroom_proto::{
    conduct::v1::conduct_service_server::ConductServiceServer, group::v1::group_service_server::GroupServiceServer,
    message::v1::message_service_server::MessageServiceServer, record::v1::record_service_server::RecordServiceServer,
    webhook::v1::webhook_service_server::WebhookServiceServer,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use announce::Announcer;
use config::Settings;
use deleted::Deleted;
use deliver::Deliverer;
use discard::Discarder;
use expire::Expirer;

pub use error::Error;
pub use store::Store;

/// The ways to the services that this one asks.
#[derive(Clone)]
pub struct Links {
    /// Who owns a page, and who has joined it.
    pub merchant: Link,
    /// Whose a file is.
    pub file: Link,
    /// Who is an administrator.
    pub user: Link,
    /// What this service proves itself with where no user stands behind a call.
    pub tokens: ServiceTokens,
    /// Somebody else's check of messages, where there is one.
    pub moderation: Option<Link>,
}

/// The service's routes, and its work that no call asks for, which goes on until `stop`. What is stored is told on `bus`.
pub fn start(
    store: Store,
    links: Links,
    bus: Bus,
    verifier: Verifier,
    clock: Clock,
    settings: Settings,
    stop: CancellationToken,
) -> anyhow::Result<Routes> {
    let stored = Arc::new(Notify::new());
    let (allow_private, give_up) = (settings.webhook_allow_private, settings.webhook_give_up);
    let deliverer = Deliverer::new(store.clone(), allow_private, give_up, clock.clone())?;
    let recalled = Arc::new(Notify::new());
    let discarder = Discarder::new(store.clone(), &links, clock.clone());
    let expirer = Expirer::new(store.clone(), clock.clone());
    let announcer = Announcer::new(bus, [stored.clone(), recalled.clone()]);
    let deleted = Deleted::new(store.clone(), &links, announcer.clone(), clock.clone());
    tokio::spawn(deletions::follow(deleted, links.user.clone(), links.tokens.clone(), stop.clone()));
    let database = store.pulse();
    let service = rpc::Service::new(store, links, announcer, verifier, clock, settings);
    tokio::spawn(deliverer.run(stored, stop.clone()));
    tokio::spawn(expirer.run(stop.clone()));
    tokio::spawn(discarder.run(recalled, stop));
    let routes = Routes::new(GroupServiceServer::new(service.clone()))
        .add_service(MessageServiceServer::new(service.clone()))
        .add_service(WebhookServiceServer::new(service.clone()))
        .add_service(ConductServiceServer::new(service.clone()).max_decoding_message_size(MESSAGE_MAX))
        .add_service(RecordServiceServer::new(service));
    Ok(chatroom_kit::rpc::surround(routes, database))
}
