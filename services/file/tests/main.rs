//! The file service's tests: the contract of its store, and its RPCs as a client sees them.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod rpc;
mod setup;
mod store;
