//! The file service: pictures and files streamed into an S3-compatible store and out again. The only crate that knows
//! S3. It has no database: a file's owner and its time stand in the object's own metadata.

pub mod config;
pub mod domain;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod rpc;
mod slots;
mod store;
mod upload;
mod volume;

use chatroom_kit::{auth::Verifier, clock::Clock};
use chatroom_proto::file::v1::file_service_server::FileServiceServer;
use tonic::service::Routes;

pub use error::Error;
pub use store::{Download, Objects, Recalled, RequestKey, StoreError, Upload};

/// The service's routes.
pub fn routes(objects: Objects, verifier: Verifier, clock: Clock, settings: &config::Settings) -> Routes {
    let service = rpc::Service::new(objects, verifier, clock, settings);
    let server = FileServiceServer::new(service).max_decoding_message_size(rpc::MESSAGE_MAX);
    chatroom_kit::rpc::surround(Routes::new(server), None)
}
