//! The group service as a process of its own.

use std::process::ExitCode;

use chatroom_group::{Links, Store, config::Config};
use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    bus::Bus,
    clock::Clock,
    config, db, lifecycle,
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
    let telemetry = telemetry::start("chatroom-group", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let clock = Clock::system();
    let verifier = Verifier::from_file(&config.jwks.jwks_file, clock.clone(), stop.clone()).await?;
    let database = &config.database;
    let open = async || Store::open(&database.database_url, database.database_pool).await;
    let store = db::when_there(open, &stop).await?;
    let tls = Tls::open(&config.tls, stop.clone()).await?;
    let user = Link::connect(&config.user_url, tls.as_ref())?;
    let secret = ServiceSecret::from_file(&config.secret.service_secret_file)?;
    let tokens = ServiceTokens::follow("group", secret, user.clone(), clock.clone(), stop.clone());
    let accounts = AccountFeed::follow(verifier.clone(), user.clone(), tokens.clone(), stop.clone());
    accounts.catch_up(AccountFeed::AT_START).await;
    let links = Links {
        merchant: Link::connect(&config.merchant_url, tls.as_ref())?,
        file: Link::connect(&config.file_url, tls.as_ref())?,
        tokens,
        user,
        moderation: config.settings.moderation(tls.as_ref())?,
    };
    let bus = Bus::connect("chatroom-group", &config.bus).await?;
    let routes = chatroom_group::start(store, links, bus, verifier, clock, config.settings, stop.clone())?;
    let listener = lifecycle::listen(config.listen).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    let outcome = lifecycle::serve_rpc(listener, routes, tls, stop).await;
    telemetry.flush();
    outcome
}
