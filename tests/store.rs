//! The object storage behind a cluster: an S3 server on loopback in this process, or the one that
//! `CHATROOM_TEST_S3_ENDPOINT` names. Knows where the bytes lie, so that a test can see what was left behind.

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::process::Environment;

const BUCKET: &str = "chatroom";
const ACCESS_KEY: &str = "test-access-key";
const SECRET_KEY: &str = "test-secret-key";

/// An S3 server.
#[derive(Debug)]
pub struct Store {
    environment: Environment,
    address: Option<SocketAddr>,
    /// Where the server of this process keeps its files.
    folder: Option<PathBuf>,
    server: Option<JoinHandle<()>>,
}

impl Store {
    /// The server that `CHATROOM_TEST_S3_ENDPOINT` and its companions name, or one that keeps its files in `folder`.
    pub async fn start(folder: &Path) -> Self {
        match env::var("CHATROOM_TEST_S3_ENDPOINT") {
            Ok(endpoint) => Self::named(endpoint),
            Err(_) => Self::own(folder).await,
        }
    }

    fn named(endpoint: String) -> Self {
        let companion = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let environment = environment(
            endpoint,
            companion("CHATROOM_TEST_S3_BUCKET", BUCKET),
            companion("CHATROOM_TEST_S3_REGION", "us-east-1"),
            companion("CHATROOM_TEST_S3_ACCESS_KEY", ACCESS_KEY),
            companion("CHATROOM_TEST_S3_SECRET_KEY", SECRET_KEY),
        );
        Self { environment, address: None, folder: None, server: None }
    }

    async fn own(folder: &Path) -> Self {
        fs::create_dir_all(folder.join(BUCKET)).expect("a folder can be made");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder).expect("a folder can be served"));
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                // Where that fails, answers come later.
                let _ = stream.set_nodelay(true);
                tokio::spawn(async move {
                    // A client that goes away is no concern of a test's storage.
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        let environment = environment(
            format!("http://{address}"),
            BUCKET.to_owned(),
            "us-east-1".to_owned(),
            ACCESS_KEY.to_owned(),
            SECRET_KEY.to_owned(),
        );
        Self { environment, address: Some(address), folder: Some(folder.to_owned()), server: Some(server) }
    }

    /// The settings that lead a file service here.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The address that the server of this process listens on.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// The settings that lead a file service here by way of `address`.
    pub fn environment_at(&self, address: SocketAddr) -> Environment {
        let mut environment = self.environment.clone();
        environment.insert("CHATROOM_S3_ENDPOINT", format!("http://{address}"));
        environment
    }

    /// Where the server keeps its files, if that is a folder of this machine.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

fn environment(
    endpoint: String,
    bucket: String,
    region: String,
    access_key: String,
    secret_key: String,
) -> Environment {
    Environment::from([
        ("CHATROOM_S3_ENDPOINT", endpoint),
        ("CHATROOM_S3_BUCKET", bucket),
        ("CHATROOM_S3_REGION", region),
        ("CHATROOM_S3_ACCESS_KEY", access_key),
        ("CHATROOM_S3_SECRET_KEY", secret_key),
        ("CHATROOM_S3_FORCE_PATH_STYLE", "true".to_owned()),
    ])
}

/// Every file below `folder`, with its size.
pub fn files_below(folder: &Path) -> BTreeSet<(PathBuf, u64)> {
    let mut files = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder or file may go away while it is looked at.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => folders.push(entry.path()),
                Ok(metadata) => {
                    files.insert((entry.path(), metadata.len()));
                }
                Err(_) => {}
            }
        }
    }
    files
}
