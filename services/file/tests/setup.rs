//! Empty object stores for tests: the embedded one, and one behind HTTP. Where `CHATROOM_TEST_S3_ENDPOINT` names a
//! server, with `_BUCKET`, `_ACCESS_KEY` and `_SECRET_KEY`, each test makes a bucket of its own there, whose name
//! begins with that bucket's; elsewhere the second store is the embedded server behind a socket, so that the network is not spared.

use std::{
    collections::HashSet,
    env,
    future::Future,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_s3::{Client, config::Credentials};
use bytes::Bytes;
use chatroom_file::{
    Objects,
    config::S3Settings,
    embedded::{BUCKET, server},
};
use clap::Parser;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{
    Body, HttpError, S3Request, S3Result,
    access::S3Access,
    auth::SimpleAuth,
    dto::PutObjectInput,
    service::{S3Service, S3ServiceBuilder},
};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A store with nothing in it.
pub(crate) struct Fresh {
    /// The store.
    pub(crate) objects: Objects,
    /// What is behind it.
    pub(crate) behind: Behind,
}

/// What is behind a store.
pub(crate) enum Behind {
    /// A folder that s3s-fs writes.
    Folder(TempDir),
    /// A bucket on some server.
    Bucket(Client, String),
}

impl Behind {
    /// The keys of all objects, and something for each part of an upload that has not ended.
    pub(crate) async fn contents(&self) -> Vec<String> {
        let mut contents = match self {
            Self::Folder(folder) => files(folder.path()),
            Self::Bucket(client, bucket) => listed(client, bucket).await,
        };
        contents.sort();
        contents
    }

    /// Waits until nothing is there.
    pub(crate) async fn is_empty(&self) {
        until("the store is empty", async || self.contents().await.is_empty()).await;
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), holds).await.unwrap_or_else(|_| panic!("not reached: {what}"));
}

/// Runs `future`, which must end soon.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it ends soon")
}

/// The store in the process.
pub(crate) async fn embedded() -> Fresh {
    let folder = TempDir::new().unwrap();
    Fresh { objects: Objects::embedded(folder.path()).await.unwrap(), behind: Behind::Folder(folder) }
}

/// A store behind HTTP.
pub(crate) async fn network() -> Fresh {
    let Ok(endpoint) = env::var("CHATROOM_TEST_S3_ENDPOINT") else {
        return served().await.0;
    };
    let setting = |name| env::var(format!("CHATROOM_TEST_S3_{name}")).expect("all four are set");
    let (access_key, secret_key) = (setting("ACCESS_KEY"), setting("SECRET_KEY"));
    let bucket = format!("{}-{}", setting("BUCKET"), chatroom_kit::ids::UserId::new());
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .endpoint_url(&endpoint)
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(Credentials::new(&access_key, &secret_key, None, None, "test"))
        .load()
        .await;
    let client = Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build());
    client.create_bucket().bucket(&bucket).send().await.expect("a bucket can be made");
    let objects = connect(&endpoint, &bucket, &access_key, &secret_key).await;
    Fresh { objects, behind: Behind::Bucket(client, bucket) }
}

/// The embedded server behind a socket, and its address.
pub(crate) async fn served() -> (Fresh, String) {
    serve_with(|_| ()).await
}

/// A store behind HTTP that ignores the conditions of a write, as garage does.
pub(crate) async fn heedless() -> Fresh {
    serve_with(|builder| builder.set_access(Heedless)).await.0
}

/// A store behind HTTP whose answer to the first write of each object that comes with a condition is lost: what the
/// client sees is a failure, after which it tries again.
pub(crate) async fn forgetful() -> Fresh {
    serve_through(|_| (), Answers::LostOnce(Arc::default())).await.0
}

/// Which answers reach the client.
#[derive(Clone)]
enum Answers {
    All,
    /// Not the first one to a conditional write of each of these paths.
    LostOnce(Arc<Mutex<HashSet<String>>>),
}

impl Answers {
    fn loses<T>(&self, request: &http::Request<T>) -> bool {
        let Self::LostOnce(known) = self else {
            return false;
        };
        let conditional = ["if-match", "if-none-match"].iter().any(|name| request.headers().contains_key(*name));
        conditional
            && request.method() == http::Method::PUT
            && known.lock().unwrap().insert(request.uri().path().to_owned())
    }
}

/// Forgets a write's conditions before they are looked at.
struct Heedless;

#[tonic::async_trait]
impl S3Access for Heedless {
    async fn put_object(&self, request: &mut S3Request<PutObjectInput>) -> S3Result<()> {
        (request.input.if_match, request.input.if_none_match) = (None, None);
        Ok(())
    }
}

async fn serve_with(change: impl FnOnce(&mut S3ServiceBuilder)) -> (Fresh, String) {
    serve_through(change, Answers::All).await
}

async fn serve_through(change: impl FnOnce(&mut S3ServiceBuilder), answers: Answers) -> (Fresh, String) {
    let folder = TempDir::new().unwrap();
    let mut builder = server(folder.path()).await.unwrap();
    builder.set_auth(SimpleAuth::from_single("access", "secret"));
    change(&mut builder);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, builder.build(), answers));
    let objects = connect(&endpoint, BUCKET, "access", "secret").await;
    (Fresh { objects, behind: Behind::Folder(folder) }, endpoint)
}

async fn serve(listener: TcpListener, store: S3Service, answers: Answers) {
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (lost, store) = (answers.loses(&request), store.clone());
        async move {
            let mut answer = store.call(request.map(Body::from)).await?;
            if lost {
                *answer.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            }
            Ok::<_, HttpError>(answer)
        }
    });
    while let Ok((socket, _)) = listener.accept().await {
        let service = service.clone();
        tokio::spawn(async move {
            // A client that goes away is no failure of the test.
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// The store at `endpoint`, through the settings that a process would be given.
pub(crate) async fn connect(endpoint: &str, bucket: &str, access_key: &str, secret_key: &str) -> Objects {
    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        s3: S3Settings,
    }
    let flags = Flags::parse_from([
        "test",
        &format!("--s3-endpoint={endpoint}"),
        &format!("--s3-bucket={bucket}"),
        &format!("--s3-access-key={access_key}"),
        &format!("--s3-secret-key={secret_key}"),
        "--s3-force-path-style",
    ]);
    Objects::connect(&flags.s3).await
}

/// The files in s3s-fs's folder but for those that stand beside an object.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap().map(Result::unwrap) {
            let name = entry.path().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if !name.starts_with(".bucket-") || name.contains(".upload-") {
                found.push(name.strip_prefix("files/").unwrap_or(&name).to_owned());
            }
        }
    }
    found
}

async fn listed(client: &Client, bucket: &str) -> Vec<String> {
    let objects = client.list_objects_v2().bucket(bucket).send().await.unwrap();
    let uploads = client.list_multipart_uploads().bucket(bucket).send().await.unwrap();
    let keys = objects.contents().iter().filter_map(|object| object.key());
    keys.chain(uploads.uploads().iter().filter_map(|upload| upload.upload_id())).map(str::to_owned).collect()
}

/// A file of `size` bytes that tell where they stand.
pub(crate) fn bytes(size: usize) -> Bytes {
    let mut bytes: Vec<u8> =
        (0..=size / 8).flat_map(|word| word.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()).collect();
    bytes.truncate(size);
    bytes.into()
}
