//! The scenario suite: what the product promises, shown from outside on real processes. Every scenario runs on both
//! shapes unless its module says why it cannot. `cargo test -p chatroom-tests --test it -- <part of a name>` runs some.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a scenario fails by panicking; clippy knows only functions marked #[test] as tests"
)]

mod account;
mod chat;
mod documented;
mod files;
mod group;
mod idempotency;
mod kills;
mod merchant;
mod operation;
mod page;
mod realtime;
mod restore;
mod rules;
mod security;
mod services;
mod skeleton;
mod suite;
mod tls;
mod trace;
mod user;
mod world;

use std::process::ExitCode;

fn main() -> ExitCode {
    let scenarios = [
        documented::scenarios(),
        rules::scenarios(),
        user::scenarios(),
        account::scenarios(),
        merchant::scenarios(),
        page::scenarios(),
        group::scenarios(),
        files::scenarios(),
        chat::scenarios(),
        realtime::scenarios(),
        idempotency::scenarios(),
        security::scenarios(),
        services::scenarios(),
        operation::scenarios(),
        trace::scenarios(),
        restore::scenarios(),
        tls::scenarios(),
        kills::scenarios(),
    ];
    suite::run(scenarios.concat())
}
