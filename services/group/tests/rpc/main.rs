//! What the group service's RPCs promise, on both engines, asked through the same clients as in production.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attachment;
mod chat;
mod checker;
mod conduct;
mod contact;
mod files;
mod hints;
mod matrix;
mod pages;
mod people;
mod receiver;
mod served;
mod webhook;
mod world;
