//! Builds the services, links them in process, and serves the gateway. Owns no behaviour of its own.

use std::{net::SocketAddr, path::Path};

use anyhow::Context as _;
use chatroom_file::Objects;
use chatroom_gateway::Gateway;
use chatroom_group::Links;
use chatroom_kit::{
    account_feed::AccountFeed,
    auth::Verifier,
    bus::Bus,
    clock::Clock,
    lifecycle,
    link::Link,
    service_token::{ServiceSecret, ServiceTokens},
    telemetry,
};
use chatroom_user::{Services, Signer};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::{
    config::Config,
    data::{DataFolder, Served},
    socket,
};

/// Of use to a database behind a socket only; here they are files, whose connections the kit counts out.
const CONNECTIONS: u32 = 4;

/// Serves until the process is told to stop.
pub(crate) async fn serve(config: Config) -> anyhow::Result<()> {
    let telemetry = telemetry::start("chatroom", &config.telemetry)?;
    let stop = lifecycle::stop_on_signals()?;
    let listener = lifecycle::listen(config.listen).await?;
    let data = DataFolder::open(&config.data_dir)?;
    let _lock = data.lock()?;
    let objects = Objects::embedded(data.files()).await.with_context(|| in_the_data_folder(&data))?;
    let gateway = Box::pin(build(&config, &data, objects.clone(), stop.clone())).await?;
    if let Some(address) = config.admin.admin_listen {
        lifecycle::serve_admin(address, telemetry.figures(), stop.clone()).await?;
    }
    announce(listener.local_addr()?, data.path());
    let outcome = chatroom_gateway::serve(listener, gateway, stop).await;
    objects.settle().await;
    telemetry.flush();
    outcome
}

async fn build(
    config: &Config,
    data: &DataFolder,
    objects: Objects,
    stop: CancellationToken,
) -> anyhow::Result<Gateway> {
    let clock = Clock::system();
    let signer = Signer::open_or_generate(&data.signing_key())?;
    let verifier = Verifier::new(&signer.jwks(), clock.clone())?;
    let [users, merchants, groups] = ["user", "merchant", "group"].map(|name| data.database(name));
    let (users, merchants, groups) = tokio::try_join!(
        chatroom_user::Store::open(&users, CONNECTIONS),
        chatroom_merchant::Store::open(&merchants, CONNECTIONS),
        chatroom_group::Store::open(&groups, CONNECTIONS),
    )
    .with_context(|| in_the_data_folder(data))?;
    let secret = ServiceSecret::random();
    let services = Services::of([("gateway", &secret), ("merchant", &secret), ("group", &secret)]);
    let file = Link::Local(chatroom_file::routes(objects, verifier.clone(), clock.clone(), &config.file));
    let near = |service, routes: Routes| {
        socket::serve(&data.socket(service), routes.clone(), stop.clone());
        Link::Local(routes)
    };
    let user =
        chatroom_user::start(users, file.clone(), signer, services, verifier.clone(), clock.clone(), &config.user)
            .await?;
    let user = near(Served::User, user);
    let service_tokens = ServiceTokens::follow("gateway", secret.clone(), user.clone(), clock.clone(), stop.clone());
    let accounts = AccountFeed::follow(verifier.clone(), user.clone(), service_tokens.clone(), stop.clone());
    accounts.catch_up(AccountFeed::AT_START).await;
    let tokens = ServiceTokens::follow("merchant", secret.clone(), user.clone(), clock.clone(), stop.clone());
    let (users, verifying, time) = (user.clone(), verifier.clone(), clock.clone());
    let merchant = chatroom_merchant::start(merchants, users, tokens, verifying, time, &config.merchant, stop.clone());
    let merchant = near(Served::Merchant, merchant);
    let moderation = config.group.moderation(None)?;
    let tokens = ServiceTokens::follow("group", secret, user.clone(), clock.clone(), stop.clone());
    let links = Links { merchant: merchant.clone(), file: file.clone(), user: user.clone(), tokens, moderation };
    let settings = config.group.clone();
    let bus = Bus::local();
    let group = chatroom_group::start(groups, links, bus.clone(), verifier.clone(), clock, settings, stop.clone())?;
    let group = near(Served::Group, group);
    let settings = config.gateway.clone();
    Ok(Gateway { user, merchant, group, file, bus, service_tokens, accounts, verifier, settings })
}

fn in_the_data_folder(data: &DataFolder) -> String {
    format!("in the data folder {}", data.path().display())
}

/// Tells a person where to look. Logs, which are for later, go to standard error.
fn announce(address: SocketAddr, data: &Path) {
    println!("chatroom {}", env!("CARGO_PKG_VERSION"));
    println!("  serving  http://{address}");
    println!("  try it   http://{address}/docs");
    println!("  data in  {}", data.display());
}
