//! An S3 server in this process. Ends with its value.

use std::{
    fs,
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

/// A server, and where it keeps its files.
#[derive(Debug)]
pub(super) struct Served {
    folder: PathBuf,
    serving: JoinHandle<()>,
}

impl Served {
    /// Starts one with a bucket that keeps its files in `folder`; answers its address, too.
    pub(super) async fn start(folder: &Path) -> (SocketAddr, Self) {
        make_bucket(folder);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a bound listener has an address");
        let served = folder.to_owned();
        let serving = tokio::spawn(async move { serve(listener, &served).await });
        (address, Self { folder: folder.to_owned(), serving })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The settings that a file service finds the bucket by, but for the address.
pub(super) fn environment() -> Environment {
    Environment::from([
        ("CHATROOM_S3_BUCKET", BUCKET.to_owned()),
        ("CHATROOM_S3_REGION", "us-east-1".to_owned()),
        ("CHATROOM_S3_ACCESS_KEY", ACCESS_KEY.to_owned()),
        ("CHATROOM_S3_SECRET_KEY", SECRET_KEY.to_owned()),
        ("CHATROOM_S3_FORCE_PATH_STYLE", "true".to_owned()),
    ])
}

pub(super) fn make_bucket(folder: &Path) {
    fs::create_dir_all(folder.join(BUCKET)).expect("a folder can be made");
}

/// Serves the files in `folder` on `listener`, for ever.
pub async fn serve(listener: TcpListener, folder: &Path) {
    let mut service = S3ServiceBuilder::new(FileSystem::new(folder).expect("a folder can be served"));
    service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    let service = service.build();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        // Where that fails, answers come later.
        let _ = stream.set_nodelay(true);
        tokio::spawn(async move {
            // A client that goes away is no concern of a test's storage.
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
