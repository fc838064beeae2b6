//! What the group service's store promises, on both engines.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contact;
mod conversation;
mod erase;
mod event;
mod group;
mod member;
mod message;
mod order;
mod read;
mod retention;
mod search;
mod send;
mod upload;
mod watch;
mod webhook;
mod world;
