//! Mutual TLS between services, as an option: each proves itself with a certificate of one private authority, and
//! files that change on disk take effect without a restart. Owns no listener and no connection.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use clap::Args;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::files::Changes;

/// How long a peer may take to prove itself.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Where the certificates are. All three or none.
#[derive(Args, Clone, Debug, Default)]
pub struct TlsConfig {
    /// This process's certificate chain (PEM); with the two below, services speak mutual TLS among themselves
    #[arg(long, env = "CHATROOM_TLS_CERT_FILE", value_name = "FILE", requires_all = ["tls_key_file", "tls_ca_file"])]
    pub tls_cert_file: Option<PathBuf>,
    /// The key of that certificate (PEM)
    #[arg(long, env = "CHATROOM_TLS_KEY_FILE", value_name = "FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,
    /// The authority that has signed the certificates of all services (PEM)
    #[arg(long, env = "CHATROOM_TLS_CA_FILE", value_name = "FILE", requires = "tls_cert_file")]
    pub tls_ca_file: Option<PathBuf>,
}

/// What a process proves itself with, and whom it believes. Clones share it.
#[derive(Clone)]
pub struct Tls {
    files: Arc<Files>,
    current: Arc<ArcSwap<Material>>,
}

struct Files {
    certificate: PathBuf,
    key: PathBuf,
    authority: PathBuf,
}

/// The files' contents, ready for use.
pub(crate) struct Material {
    server: Arc<ServerConfig>,
    client: ClientTlsConfig,
}

impl Tls {
    /// Reads the files and, until `stop`, reads them again when they change; files that are broken then leave what
    /// was in force. Nothing where none is named.
    pub async fn open(config: &TlsConfig, stop: CancellationToken) -> anyhow::Result<Option<Self>> {
        let TlsConfig { tls_cert_file: Some(certificate), tls_key_file: Some(key), tls_ca_file: Some(authority) } =
            config.clone()
        else {
            return Ok(None);
        };
        let files = Files { certificate, key, authority };
        let changes = Changes::of(&[&files.certificate, &files.key, &files.authority]).await;
        let material = files.read().await?;
        let tls = Self { files: Arc::new(files), current: Arc::new(ArcSwap::from_pointee(material)) };
        let followed = tls.clone();
        tokio::spawn(async move { changes.follow("certificates", stop, || followed.reload()).await });
        Ok(Some(tls))
    }

    /// What is in force now; another value once the files have changed.
    pub(crate) fn current(&self) -> Arc<Material> {
        self.current.load_full()
    }

    /// The peers that connect to `listener` and prove themselves. A peer that is slow or proves nothing holds up
    /// nobody else.
    pub(crate) fn incoming(self, listener: TcpListener) -> ReceiverStream<std::io::Result<TlsStream<TcpStream>>> {
        let (sender, receiver) = mpsc::channel(64);
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    () = sender.closed() => return,
                };
                match accepted {
                    Ok((stream, _)) => drop(tokio::spawn(handshake(self.current(), stream, sender.clone()))),
                    Err(error) => {
                        tracing::warn!(%error, "connection lost before it was accepted");
                        // Out of file descriptors, most likely: others must end first.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        });
        ReceiverStream::new(receiver)
    }

    async fn reload(&self) -> anyhow::Result<()> {
        self.current.store(Arc::new(self.files.read().await?));
        Ok(())
    }
}

impl Material {
    /// For a call to the service named `host`.
    pub(crate) fn client(&self, host: &str) -> ClientTlsConfig {
        self.client.clone().domain_name(host)
    }
}

async fn handshake(
    material: Arc<Material>,
    stream: TcpStream,
    sender: mpsc::Sender<std::io::Result<TlsStream<TcpStream>>>,
) {
    // A hint only; the connection works without it.
    let _ = stream.set_nodelay(true);
    match timeout(HANDSHAKE, TlsAcceptor::from(material.server.clone()).accept(stream)).await {
        Ok(Ok(stream)) => {
            if let Err(refused) = sender.send(Ok(stream)).await
                && let Ok(mut stream) = refused.0
            {
                // The server is closing; the peer need not wait to learn it.
                let _ = stream.shutdown().await;
            }
        }
        Ok(Err(error)) => tracing::warn!(%error, "peer without a valid certificate"),
        Err(_) => tracing::warn!("peer too slow to prove itself"),
    }
}

impl Files {
    async fn read(&self) -> anyhow::Result<Material> {
        let certificate = read(&self.certificate).await?;
        let key = read(&self.key).await?;
        let authority = read(&self.authority).await?;
        let server = server_config(&certificate, &key, &authority)?;
        let client = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&authority))
            .identity(Identity::from_pem(&certificate, &key));
        Ok(Material { server: Arc::new(server), client })
    }
}

async fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    tokio::fs::read(path).await.with_context(|| format!("{} cannot be read", path.display()))
}

fn server_config(certificate: &[u8], key: &[u8], authority: &[u8]) -> anyhow::Result<ServerConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority) {
        roots.add(certificate.context("the authority's certificate is malformed")?)?;
    }
    let chain = CertificateDer::pem_slice_iter(certificate)
        .collect::<Result<Vec<_>, _>>()
        .context("the certificate is malformed")?;
    if chain.is_empty() {
        bail!("there is no certificate");
    }
    let key = PrivateKeyDer::from_pem_slice(key).context("the certificate's key is malformed")?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .context("the authority's certificate is of no use")?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .context("the certificate and its key do not belong together")?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}
