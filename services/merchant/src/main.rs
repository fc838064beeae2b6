//! The merchant service as a process of its own.

use std::process::ExitCode;

use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    clock::Clock,
    config, db, lifecycle,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    telemetry,
    tls::Tls,
};
use chatroom_merchant::{Store, config::Config};

// A request is some hundred small allocations on several threads, which glibc's allocator makes dear.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(try_main(config::parse()).await)
}

async fn try_main(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start("chatroom-merchant", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let clock = Clock::system();
    let verifier = Verifier::from_file(&config.jwks.jwks_file, clock.clone(), stop.clone()).await?;
    let database = &config.database;
    let open = async || Store::open(&database.database_url, database.database_pool).await;
    let store = db::when_there(open, &stop).await?;
    let tls = Tls::open(&config.tls, stop.clone()).await?;
    let user = Link::connect(&config.user_url, tls.as_ref())?;
    let secret = ServiceSecret::from_file(&config.service_secret.service_secret_file)?;
    let tokens = ServiceTokens::follow("merchant", secret, user.clone(), clock.clone(), stop.clone());
    let accounts = AccountFeed::follow(verifier.clone(), user.clone(), tokens.clone(), stop.clone());
    accounts.catch_up(AccountFeed::AT_START).await;
    let routes = chatroom_merchant::start(store, user, tokens, verifier, clock, &config.settings, stop.clone());
    let listener = lifecycle::listen(config.listen).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    let outcome = lifecycle::serve_rpc(listener, routes, tls, stop).await;
    telemetry.flush();
    outcome
}
