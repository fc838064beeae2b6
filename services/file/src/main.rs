//! The file service as a process of its own.

use std::process::ExitCode;

use chatroom_file::{Objects, config::Config};
use chatroom_kit::{auth::Verifier, clock::Clock, config, lifecycle, telemetry, tls::Tls};

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(try_main(config::parse()).await)
}

async fn try_main(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start("chatroom-file", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let clock = Clock::system();
    let verifier = Verifier::from_file(&config.jwks.jwks_file, clock.clone(), stop.clone()).await?;
    let tls = Tls::open(&config.tls, stop.clone()).await?;
    let objects = Objects::connect(&config.s3).await;
    let routes = chatroom_file::routes(objects.clone(), verifier, clock, &config.settings);
    let listener = lifecycle::listen(config.listen).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    let outcome = lifecycle::serve_rpc(listener, routes, tls, stop).await;
    objects.settle().await;
    telemetry.flush();
    outcome
}
