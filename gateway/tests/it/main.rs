//! The gateway over real sockets, before services that say whatever a test wants said.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod chat;
mod connections;
mod contract;
mod cors;
mod docs;
mod download;
mod export;
mod held;
mod limits;
mod raw;
mod refusals;
mod services;
mod socket;
mod sockets;
mod upload;
mod waiting;
mod world;
