//! What the user service's RPCs promise, through the client that the gateway uses.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod deletion;
mod profile;
mod session;
mod world;
