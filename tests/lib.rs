//! The harness: starts chatroom from its real binaries, alone or as a cluster, and speaks to it as a client does. The
//! scenarios, benchmarks and faults stand on it. Owns no expectation about what the product answers.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a harness that cannot go on has nothing better to do than to fail its test with a sentence"
)]

pub mod browser;
pub mod chat_client;
pub mod client;
pub mod cluster;
pub mod lean;
pub mod nats;
pub mod past;
pub mod people;
mod ports;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod raw;
pub mod records;
pub mod socket;
pub mod store;

pub use client::Client;
pub use cluster::{Cluster, Part, Shape};
pub use process::Process;
