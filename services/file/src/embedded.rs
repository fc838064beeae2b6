//! An S3 server inside the process, over a folder: the object store of the standalone shape. The SDK reaches it
//! without a socket, so that the one code path to S3 serves both shapes. The folder belongs to one process.

mod disk;
mod leftovers;
mod paths;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Region},
};
use s3s::service::S3ServiceBuilder;

use crate::store::{self, Objects};
use disk::Disk;
pub use paths::BUCKET;
use paths::Paths;

impl Objects {
    /// The files in `folder`, through an S3 server in this process.
    pub async fn embedded(folder: impl Into<PathBuf>) -> anyhow::Result<Self> {
        let server = server(folder).await?.build();
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(s3s_aws::Client::from(server))
            .endpoint_url("http://localhost")
            .region(Region::from_static("us-east-1"))
            .force_path_style(true)
            // There is nobody in between: nothing is signed.
            .allow_no_auth()
            .retry_config(store::retries())
            .timeout_config(store::timeouts().build())
            .build();
        Ok(Self::new(Client::from_conf(config), BUCKET))
    }
}

/// An S3 server over `folder`, which is made where it is missing, without authentication so far. What uploads of a
/// killed process left there is removed, and so are, now and every hour, the markers of requests that can no longer be
/// repeated.
pub async fn server(folder: impl Into<PathBuf>) -> anyhow::Result<S3ServiceBuilder> {
    let folder = folder.into();
    let unusable = format!("the folder {} cannot be used", folder.display());
    let (paths, disk) = tokio::task::spawn_blocking(move || open(&folder)).await?.context(unusable)?;
    tokio::spawn(leftovers::expire_markers(Arc::downgrade(&paths)));
    Ok(S3ServiceBuilder::new(disk))
}

fn open(folder: &Path) -> anyhow::Result<(Arc<Paths>, Disk)> {
    let paths = Arc::new(Paths::make(folder)?);
    leftovers::remove(&paths)?;
    let disk = Disk::open(paths.clone())?;
    Ok((paths, disk))
}
