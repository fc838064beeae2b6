//! A bucket of its own on an S3 server that the environment names. It stays there, as the server goes with its tests.

use std::{collections::BTreeSet, env, net::SocketAddr};

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Builder, Credentials, Region},
};
use chatroom_kit::ids::UserId;

use crate::process::Environment;

const REGION: &str = "us-east-1";

/// A bucket.
#[derive(Debug)]
pub(super) struct Named {
    client: Client,
    bucket: String,
    access_key: String,
    secret_key: String,
}

impl Named {
    /// Makes a bucket on the server at `endpoint`; answers its address, too.
    pub(super) async fn open(endpoint: &str) -> (SocketAddr, Self) {
        let address = endpoint.trim_start_matches("http://").parse().expect("it is http:// and an address");
        let companion = |name| env::var(format!("CHATROOM_TEST_S3_{name}")).expect("all four are set");
        let (access_key, secret_key) = (companion("ACCESS_KEY"), companion("SECRET_KEY"));
        let bucket = format!("{}-{}", companion("BUCKET"), UserId::new());
        let config = Builder::new()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(endpoint)
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(&access_key, &secret_key, None, None, "tests"))
            .force_path_style(true)
            .build();
        let client = Client::from_conf(config);
        client.create_bucket().bucket(&bucket).send().await.expect("a bucket can be made");
        (address, Self { client, bucket, access_key, secret_key })
    }

    /// The settings that a file service finds the bucket by, but for the address.
    pub(super) fn environment(&self) -> Environment {
        Environment::from([
            ("CHATROOM_S3_BUCKET", self.bucket.clone()),
            ("CHATROOM_S3_REGION", REGION.to_owned()),
            ("CHATROOM_S3_ACCESS_KEY", self.access_key.clone()),
            ("CHATROOM_S3_SECRET_KEY", self.secret_key.clone()),
            ("CHATROOM_S3_FORCE_PATH_STYLE", "true".to_owned()),
        ])
    }

    /// The names of objects, and of uploads that have been begun.
    pub(super) async fn names(&self) -> BTreeSet<String> {
        let begun = self.client.list_multipart_uploads().bucket(&self.bucket).send().await.expect("uploads are listed");
        let begun = begun.uploads().iter().filter_map(|upload| upload.key().map(|key| format!("{key}, begun")));
        self.keys().await.into_iter().chain(begun).collect()
    }

    /// Every object.
    pub(super) async fn contents(&self) -> Vec<(String, Vec<u8>)> {
        let mut contents = Vec::new();
        for key in self.keys().await {
            // An object may go away while it is looked at.
            let Ok(answer) = self.client.get_object().bucket(&self.bucket).key(&key).send().await else {
                continue;
            };
            let described = format!("{key} {:?}", answer.metadata());
            let bytes = answer.body.collect().await.expect("an object can be read").into_bytes();
            contents.push((described, bytes.to_vec()));
        }
        contents
    }

    async fn keys(&self) -> Vec<String> {
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.expect("objects are listed");
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        keys
    }
}
