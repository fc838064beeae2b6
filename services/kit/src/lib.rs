//! What every chatroom process shares: settings, telemetry, lifecycle, databases, the link between services, the bus
//! between replicas, token verification, error details, ids and time. Owns no business rule and nothing that only one
//! service uses.

pub mod account_feed;
pub mod auth;
pub mod bus;
pub mod clock;
pub mod config;
pub mod cursor;
pub mod db;
pub mod deletions;
pub mod error;
pub mod fields;
pub mod files;
pub mod ids;
mod life_signs;
pub mod lifecycle;
pub mod link;
pub mod role;
pub mod rpc;
pub mod service_token;
pub mod telemetry;
#[cfg(any(test, feature = "testing"))]
#[expect(clippy::expect_used, reason = "a test that cannot begin has failed")]
pub mod testing;
pub mod tls;
pub mod wire;
