//! The file service as a process of its own.

use std::process::ExitCode;

use chatroom_file::{Objects, config::Config};
use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    clock::Clock,
    config, lifecycle,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    telemetry,
    tls::Tls,
};

// A request is some hundred small allocations on several threads, which glibc's allocator makes dear.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    let user = Link::connect(&config.user_url, tls.as_ref())?;
    let secret = ServiceSecret::from_file(&config.service_secret.service_secret_file)?;
    let tokens = ServiceTokens::follow("file", secret, user.clone(), clock.clone(), stop.clone());
    AccountFeed::follow(verifier.clone(), user, tokens, stop.clone()).catch_up(AccountFeed::AT_START).await;
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
