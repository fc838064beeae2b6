//! How the command line reaches the services: over the network, or over the sockets in a data folder whose process
//! serves. Owns the token that a command carries.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context as _, bail};
use chatroom_kit::{
    link::Link,
    tls::{Tls, TlsConfig},
};
use clap::Args;
use http::Uri;
use tokio_util::sync::CancellationToken;
use tonic::{Request, body::Body, metadata::AsciiMetadataValue, transport::Endpoint};
use tower::{BoxError, ServiceExt as _, util::BoxCloneSyncService};

use crate::data::{DataFolder, Served};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The environment variable that holds a token.
const TOKEN: &str = "CHATROOM_TOKEN";

/// A way to a service.
pub(super) type Way = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, BoxError>;

/// Where the services are, and who asks.
#[derive(Args, Debug)]
pub(super) struct ConnectionConfig {
    /// Where the user service is; where no service is named, the process that serves --data-dir is asked
    #[arg(long, env = "CHATROOM_USER_URL", value_name = "URL", value_delimiter = ',', global = true)]
    user_url: Vec<Uri>,
    /// Where the merchant service is
    #[arg(long, env = "CHATROOM_MERCHANT_URL", value_name = "URL", value_delimiter = ',', global = true)]
    merchant_url: Vec<Uri>,
    /// Where the group service is
    #[arg(long, env = "CHATROOM_GROUP_URL", value_name = "URL", value_delimiter = ',', global = true)]
    group_url: Vec<Uri>,
    /// File with the token that the commands carry; without it the variable CHATROOM_TOKEN is the token
    #[arg(long, env = "CHATROOM_TOKEN_FILE", value_name = "FILE", global = true)]
    token_file: Option<PathBuf>,
    /// Certificates, where services speak TLS.
    #[command(flatten)]
    tls: TlsConfig,
}

/// The services, and the token that is carried to them.
pub(super) struct Connection {
    config: ConnectionConfig,
    tls: Option<Tls>,
    data: DataFolder,
}

impl Connection {
    pub(super) async fn open(config: ConnectionConfig, data: DataFolder) -> anyhow::Result<Self> {
        let tls = Tls::open(&config.tls, CancellationToken::new()).await?;
        Ok(Self { config, tls, data })
    }

    pub(super) async fn users(&self) -> anyhow::Result<Way> {
        self.way(Served::User, &self.config.user_url).await
    }

    pub(super) async fn merchants(&self) -> anyhow::Result<Way> {
        self.way(Served::Merchant, &self.config.merchant_url).await
    }

    pub(super) async fn groups(&self) -> anyhow::Result<Way> {
        self.way(Served::Group, &self.config.group_url).await
    }

    /// A request that carries the token.
    pub(super) fn request<T>(&self, message: T) -> anyhow::Result<Request<T>> {
        let token = match &self.config.token_file {
            Some(file) => {
                std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?
            }
            None => env::var(TOKEN).with_context(|| {
                format!("no token is given: set {TOKEN} to what `chatroom admin login NAME` prints")
            })?,
        };
        let bearer = AsciiMetadataValue::try_from(format!("Bearer {}", token.trim())).context("that is no token")?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", bearer);
        request.set_timeout(PATIENCE);
        Ok(request)
    }

    async fn way(&self, service: Served, urls: &[Uri]) -> anyhow::Result<Way> {
        let ConnectionConfig { user_url, merchant_url, group_url, .. } = &self.config;
        if !urls.is_empty() {
            let link = Link::connect(urls, self.tls.as_ref())?;
            return Ok(BoxCloneSyncService::new(link.map_err(Into::into)));
        }
        if [user_url, merchant_url, group_url].into_iter().any(|urls| !urls.is_empty()) {
            bail!("it is not said where the {0} service is: set CHATROOM_{0}_URL", service.name().to_uppercase());
        }
        let path = self.data.socket(service);
        let endpoint = Endpoint::from_shared(format!("unix:{}", path.display()))?.timeout(PATIENCE);
        let channel = endpoint.connect().await;
        let channel =
            channel.with_context(|| format!("nothing serves the data folder {}", self.data.path().display()))?;
        Ok(BoxCloneSyncService::new(channel.map_err(Into::into)))
    }
}
