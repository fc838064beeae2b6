//! The user service as a process of its own, and its command line.

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
use chatroom_user::{
    Services, Signer, Store,
    config::{AdminNameConfig, Config, ServeConfig},
    keygen, services,
};

/// What this process calls itself where it asks itself.
const NAME: &str = "user";

// A request is some hundred small allocations on several threads, which glibc's allocator makes dear.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    lifecycle::exit_code(match config::parse() {
        Config::Serve(config) => serve(*config).await,
        Config::Keygen(config) => keygen::run(&config),
        Config::AddService(config) => services::add(&config),
        Config::GrantAdmin(config) => grant_admin(config).await,
        Config::RevokeAdmin(config) => revoke_admin(config).await,
    })
}

async fn serve(config: ServeConfig) -> anyhow::Result<()> {
    let telemetry = telemetry::start("chatroom-user", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let clock = Clock::system();
    let verifier = Verifier::from_file(&config.jwks.jwks_file, clock.clone(), stop.clone()).await?;
    let signer = Signer::from_file(&config.jwt_signing_key_file)?;
    signer.must_be_published_in(&verifier.jwks())?;
    let secret = ServiceSecret::random();
    let services = Services::from_file(&config.service_secrets_file, stop.clone()).await?.and(NAME, &secret);
    let database = &config.database;
    let open = async || Store::open(&database.database_url, database.database_pool).await;
    let store = db::when_there(open, &stop).await?;
    tracing::info!(key.id = signer.key_id(), "signing tokens");
    let tls = Tls::open(&config.tls, stop.clone()).await?;
    let files = Link::connect(&config.file_url, tls.as_ref())?;
    let routes =
        chatroom_user::start(store, files, signer, services, verifier.clone(), clock.clone(), &config.settings).await?;
    let itself = Link::Local(routes.clone());
    let tokens = ServiceTokens::follow(NAME, secret, itself.clone(), clock, stop.clone());
    AccountFeed::follow(verifier, itself, tokens, stop.clone());
    let listener = lifecycle::listen(config.listen).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    let outcome = lifecycle::serve_rpc(listener, routes, tls, stop).await;
    telemetry.flush();
    outcome
}

async fn grant_admin(config: AdminNameConfig) -> anyhow::Result<()> {
    let store = Store::open(&config.database.database_url, config.database.database_pool).await?;
    chatroom_user::grant_admin(&store, &config.name, &Clock::system()).await
}

async fn revoke_admin(config: AdminNameConfig) -> anyhow::Result<()> {
    let store = Store::open(&config.database.database_url, config.database.database_pool).await?;
    chatroom_user::revoke_admin(&store, &config.name, &Clock::system()).await
}
