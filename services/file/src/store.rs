//! The object store: files and their metadata in one bucket of any S3-compatible store. Owns every word of S3; decides
//! nothing about who may store what.
//!
//! Keys are file names, and under `requests/`, which is no file's name, the markers of repeatable uploads. The store's
//! user needs `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject`, `s3:AbortMultipartUpload`, and `s3:ListBucket`:
//! without the last, AWS answers 403 and not 404 for a key that is not there. `lifecycle.json` beside this crate's
//! manifest holds the bucket's lifecycle rules: markers expire after two days, and so do the parts of uploads whose
//! process was killed.

mod alive;
mod conditions;
mod download;
mod multipart;
mod part;
mod request;
mod upload;

use std::{error::Error as StdError, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, meta::region::RegionProviderChain};
use aws_sdk_s3::{
    Client,
    config::{
        Credentials,
        http::HttpResponse,
        retry::RetryConfig,
        timeout::{TimeoutConfig, TimeoutConfigBuilder},
    },
    error::SdkError,
    primitives::ByteStreamError,
};
use chatroom_kit::ids::UserId;
use chrono::{DateTime, SecondsFormat, Utc};
use tokio_util::task::TaskTracker;

pub use download::Download;
pub use request::{Recalled, RequestKey};
pub use upload::Upload;

use crate::{
    config::{S3Settings, SecretKey},
    domain::{FileName, StoredFile},
};
use conditions::Conditions;
use part::Part;

/// The region where none is named.
const DEFAULT_REGION: &str = "us-east-1";
/// The object's metadata that hold its owner's id.
const OWNER: &str = "owner";
/// The object's metadata that say when it was stored by our clock: the store's own has only seconds.
const CREATED: &str = "created";

/// How long a process that ends waits for its uploads.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);

/// The store's files.
#[derive(Clone, Debug)]
pub struct Objects {
    client: Client,
    bucket: Arc<str>,
    /// What stores uploads, and undoes them.
    tasks: TaskTracker,
    conditions: Arc<Conditions>,
}

/// The object store refused or did not answer. What it said is for the log only.
#[derive(Debug, thiserror::Error)]
#[error("the object store failed")]
pub struct StoreError(#[source] Box<dyn StdError + Send + Sync>);

impl StoreError {
    /// The store broke its contract.
    fn because(why: &'static str) -> Self {
        Self(why.into())
    }
}

impl<E, R> From<SdkError<E, R>> for StoreError
where
    E: StdError + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        Self(Box::new(error))
    }
}

impl From<ByteStreamError> for StoreError {
    fn from(error: ByteStreamError) -> Self {
        Self(Box::new(error))
    }
}

impl Objects {
    /// The bucket that the settings name. Nothing is asked of the store yet: it may come up later.
    pub async fn connect(settings: &S3Settings) -> Self {
        let mut loader =
            aws_config::defaults(BehaviorVersion::latest()).retry_config(retries()).timeout_config(timeouts().build());
        loader = match (&settings.s3_region, &settings.s3_endpoint) {
            (Some(region), _) => loader.region(Region::new(region.clone())),
            // A store of one's own cares little; asking a cloud's metadata service would only cost time.
            (None, Some(_)) => loader.region(Region::from_static(DEFAULT_REGION)),
            (None, None) => loader.region(RegionProviderChain::default_provider().or_else(DEFAULT_REGION)),
        };
        if let Some(endpoint) = &settings.s3_endpoint {
            loader = loader.endpoint_url(endpoint.to_string());
        }
        if let (Some(access_key), Some(secret_key)) = (&settings.s3_access_key, &settings.s3_secret_key) {
            loader = loader.credentials_provider(credentials(access_key, secret_key));
        }
        let config = aws_sdk_s3::config::Builder::from(&loader.load().await)
            .force_path_style(settings.s3_force_path_style)
            .build();
        Self::new(Client::from_conf(config), &settings.s3_bucket)
    }

    /// A bucket that `client` reaches.
    pub(crate) fn new(client: Client, bucket: &str) -> Self {
        Self { client, bucket: bucket.into(), tasks: TaskTracker::new(), conditions: Arc::default() }
    }

    /// Waits, for a while, until every upload has been stored or undone: at the end of a process nothing is left behind.
    pub async fn settle(&self) {
        self.tasks.close();
        if tokio::time::timeout(SETTLED_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(uploads = self.tasks.len(), "uploads were neither stored nor undone");
        }
    }

    /// What is known of a file.
    pub async fn describe(&self, name: &FileName) -> Result<Option<StoredFile>, StoreError> {
        Ok(self.head(name).await?.map(|(file, _)| file))
    }

    /// What is known of a file that `user` has stored; nothing where it is somebody else's.
    pub async fn owned(&self, name: &FileName, user: UserId) -> Result<Option<StoredFile>, StoreError> {
        let user = user.to_string();
        Ok(self.head(name).await?.filter(|(_, owner)| owner.as_ref() == Some(&user)).map(|(file, _)| file))
    }

    /// A file and its owner's id.
    #[tracing::instrument(level = "debug", name = "s3.head", skip_all, err(level = "debug"))]
    async fn head(&self, name: &FileName) -> Result<Option<(StoredFile, Option<String>)>, StoreError> {
        let request = self.client.head_object().bucket(&*self.bucket).key(name.as_str());
        let head = match self.while_alive(request.send()).await? {
            Ok(head) => head,
            Err(error) if status_of(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let size = head.content_length().and_then(|size| size.try_into().ok());
        let created = created(head.metadata().and_then(|metadata| metadata.get(CREATED)), head.last_modified());
        let (Some(size), Some(created)) = (size, created) else {
            return Err(StoreError::because("an object has no size or no time"));
        };
        let owner = head.metadata().and_then(|metadata| metadata.get(OWNER)).cloned();
        Ok(Some((StoredFile { name: name.clone(), size, created }, owner)))
    }

    /// Stores a file that is one part.
    #[tracing::instrument(level = "debug", name = "s3.put", skip_all, err(level = "debug"))]
    async fn put(&self, object: &NewObject, part: &Part) -> Result<(), StoreError> {
        let request = self
            .client
            .put_object()
            .bucket(&*self.bucket)
            .key(object.name.as_str())
            .content_type(object.name.kind().content_type())
            .metadata(OWNER, object.owner.to_string())
            .metadata(CREATED, written(object.created))
            .checksum_crc32(part.checksum())
            .body(part.body());
        self.while_alive(request.send()).await??;
        Ok(())
    }

    /// Removes a file; fine where there is none. Waits out a store that is silent.
    #[tracing::instrument(level = "debug", name = "s3.delete", skip_all, err(level = "debug"))]
    pub async fn remove(&self, name: &FileName) -> Result<(), StoreError> {
        self.client.delete_object().bucket(&*self.bucket).key(name.as_str()).send().await?;
        Ok(())
    }
}

/// A file that is about to be stored.
#[derive(Clone, Debug)]
struct NewObject {
    name: FileName,
    owner: UserId,
    created: DateTime<Utc>,
}

/// Three tries, close together: a caller is waiting.
pub(crate) fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(100))
}

/// Connecting is quick or will not happen. An attempt may send a part of 5 MiB, or wait for the store to put the
/// parts together. How long a body may take to arrive is not bounded here: a reader may be slow.
pub(crate) fn timeouts() -> TimeoutConfigBuilder {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_millis(500))
        .operation_attempt_timeout(Duration::from_secs(30))
        .operation_timeout(Duration::from_mins(1))
}

fn credentials(access_key: &str, secret_key: &SecretKey) -> Credentials {
    Credentials::new(access_key, secret_key.expose(), None, None, "settings")
}

/// The HTTP status that the store answered.
fn status_of<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

/// A moment as metadata hold it.
fn written(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// When an object was stored: by our clock, or by the store's where it came some other way.
fn created(metadata: Option<&String>, modified: Option<&aws_sdk_s3::primitives::DateTime>) -> Option<DateTime<Utc>> {
    metadata.and_then(|text| text.parse().ok()).or_else(|| DateTime::from_timestamp_millis(modified?.to_millis().ok()?))
}
