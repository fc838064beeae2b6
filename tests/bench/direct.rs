//! The limit of uploads and downloads: the same bytes put into and got from the same object storage, without the
//! product between. The requests are signed beforehand, their bodies are not, so it costs no more than it must.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation},
    presigning::{PresignedRequest, PresigningConfig},
};
use bytes::Bytes;
use chatroom_tests::process::Environment;
use http::Uri;

use crate::{
    http::Connection,
    load::{Plan, Target},
    plan::UPLOAD_SIZE,
    request,
    seed::{PICTURE_SIZE, picture},
};

/// How many different objects are put, again and again.
const OBJECTS: usize = 32;
/// How long a signature is good for: longer than any run.
const SIGNED_FOR: Duration = Duration::from_hours(1);

/// An object storage that is spoken to directly.
pub(crate) struct Direct {
    client: Client,
    endpoint: Uri,
    bucket: String,
}

impl Direct {
    /// The storage that a file service with this environment has.
    pub(crate) fn new(environment: &Environment) -> anyhow::Result<Self> {
        let setting = |name: &str| environment.get(name).cloned().with_context(|| format!("{name} is not set"));
        let endpoint = setting("CHATROOM_S3_ENDPOINT")?;
        let credentials = Credentials::new(
            setting("CHATROOM_S3_ACCESS_KEY")?,
            setting("CHATROOM_S3_SECRET_KEY")?,
            None,
            None,
            "bench",
        );
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(setting("CHATROOM_S3_REGION")?))
            .endpoint_url(&endpoint)
            .credentials_provider(credentials)
            .force_path_style(true)
            // A checksum would be that of an empty body, which is all that is known when the request is signed.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            endpoint: endpoint.parse()?,
            bucket: setting("CHATROOM_S3_BUCKET")?,
        })
    }

    /// The storage, given what an upload gives the product.
    pub(crate) async fn uploads(&self) -> anyhow::Result<Target> {
        let mut heads = Vec::new();
        for index in 0..OBJECTS {
            heads.push(self.put(&format!("direct/{index}"), UPLOAD_SIZE).await?);
        }
        let body = Bytes::from(picture(UPLOAD_SIZE));
        let plan: Plan = Arc::new(move |turn, head| {
            head.extend_from_slice(&heads[turn % heads.len()]);
            body.clone()
        });
        self.target(plan)
    }

    /// The storage, asked for a picture.
    pub(crate) async fn downloads(&self) -> anyhow::Result<Target> {
        let key = "direct/picture";
        let put = self.put(key, PICTURE_SIZE).await?;
        let mut connection = Connection::open(self.address()?).await?;
        let answer = connection.call(&put, &picture(PICTURE_SIZE)).await?;
        ensure!(answer.status == 200, "the storage answered {} to a picture", answer.status);
        let signed = self.client.get_object().bucket(&self.bucket).key(key).presigned(expiry()?).await?;
        let get = self.head(&signed, "");
        self.target(Arc::new(move |_, head| {
            head.extend_from_slice(&get);
            Bytes::new()
        }))
    }

    async fn put(&self, key: &str, length: usize) -> anyhow::Result<Vec<u8>> {
        let signed = self.client.put_object().bucket(&self.bucket).key(key).presigned(expiry()?).await?;
        Ok(self.head(&signed, &format!("content-length: {length}\r\n")))
    }

    fn head(&self, signed: &PresignedRequest, headers: &str) -> Vec<u8> {
        let (method, host) = (signed.method(), self.endpoint.authority().map_or("", |authority| authority.as_str()));
        let path = signed.uri().split_once(host).map_or("/", |(_, path)| path);
        let mut head = Vec::new();
        request::write(&mut head, format_args!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n"));
        head
    }

    fn target(&self, plan: Plan) -> anyhow::Result<Target> {
        // What it costs the storage is no concern of ours.
        Ok(Target::new(self.address()?, Vec::new(), plan))
    }

    fn address(&self) -> anyhow::Result<std::net::SocketAddr> {
        let authority = self.endpoint.authority().context("the storage has no address")?;
        authority.as_str().parse().context("the storage's address is a name")
    }
}

fn expiry() -> anyhow::Result<PresigningConfig> {
    Ok(PresigningConfig::expires_in(SIGNED_FOR)?)
}
