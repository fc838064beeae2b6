//! The gateway as a process of its own.

use std::process::ExitCode;

use chatroom_gateway::{Gateway, config::Config};
use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    bus::Bus,
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
    let telemetry = telemetry::start("chatroom-gateway", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let clock = Clock::system();
    let verifier = Verifier::from_file(&config.jwks.jwks_file, clock.clone(), stop.clone()).await?;
    let secret = ServiceSecret::from_file(&config.service_secret.service_secret_file)?;
    let tls = Tls::open(&config.tls, stop.clone()).await?;
    let user = Link::connect(&config.user_url, tls.as_ref())?;
    let service_tokens = ServiceTokens::follow("gateway", secret, user.clone(), clock, stop.clone());
    let accounts = AccountFeed::follow(verifier.clone(), user.clone(), service_tokens.clone(), stop.clone());
    accounts.catch_up(AccountFeed::AT_START).await;
    let gateway = Gateway {
        bus: Bus::connect("chatroom-gateway", &config.bus).await?,
        service_tokens,
        accounts,
        user,
        merchant: Link::connect(&config.merchant_url, tls.as_ref())?,
        group: Link::connect(&config.group_url, tls.as_ref())?,
        file: Link::connect(&config.file_url, tls.as_ref())?,
        verifier,
        settings: config.settings,
    };
    let listener = lifecycle::listen(config.listen).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    let outcome = chatroom_gateway::serve(listener, gateway, stop).await;
    telemetry.flush();
    outcome
}
