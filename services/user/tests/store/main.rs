//! What the user service's store promises, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod account;
mod deed;
mod deletion;
mod profile;
mod session;
mod world;
