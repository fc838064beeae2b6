//! Markers of uploads that a client may repeat: tiny objects that hold the name of the file that the first request
//! stored. No download reaches them, since no file's name begins like their keys.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use bytes::Bytes;
use chatroom_kit::{fields::RequestId, ids::UserId};
use chrono::{DateTime, TimeDelta, Utc};

use super::{CREATED, Objects, StoreError, created, status_of, written};
use crate::domain::{FileName, StoredFile};

/// How long a request can be repeated.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// The key of a request's marker: a digest, so that the store learns neither the caller nor what they call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestKey(String);

impl RequestKey {
    /// The key of what `caller` calls `id`.
    pub fn new(caller: UserId, id: &RequestId) -> Self {
        // The caller's id is always 24 digits long: no two pairs are written alike.
        let digest = digest(&SHA256, format!("{caller}{}", id.as_str()).as_bytes());
        let mut key = String::from("requests/");
        for byte in digest.as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(key, "{byte:02x}");
        }
        Self(key)
    }
}

/// What is remembered of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recalled {
    /// The file that the first one stored.
    File(StoredFile),
    /// Nothing that counts: too old, or its file is gone. The marker's entity tag, by which it can be replaced.
    Stale(String),
    /// Nothing.
    Nothing,
}

impl Objects {
    /// What is remembered of a request that comes at `now`.
    #[tracing::instrument(level = "debug", name = "s3.request.get", skip_all, err(level = "debug"))]
    pub async fn recall(&self, request: &RequestKey, now: DateTime<Utc>) -> Result<Recalled, StoreError> {
        let request = self.client.get_object().bucket(&*self.bucket).key(&request.0);
        let marker = match self.while_alive(request.send()).await? {
            Ok(marker) => marker,
            Err(error) if status_of(&error) == Some(404) => return Ok(Recalled::Nothing),
            Err(error) => return Err(error.into()),
        };
        let tag = marker.e_tag().unwrap_or_default().to_owned();
        let Some(name) = fresh_name(marker, now).await? else {
            return Ok(Recalled::Stale(tag));
        };
        Ok(self.describe(&name).await?.map_or(Recalled::Stale(tag), Recalled::File))
    }

    /// Remembers that a request stored `file`, in place of a stale marker where there is one. False where another
    /// request of the same name was faster.
    pub async fn remember(
        &self,
        request: &RequestKey,
        stale: Option<&str>,
        file: &StoredFile,
    ) -> Result<bool, StoreError> {
        if self.keeps_conditions().await? {
            return self.mark(request, stale, file).await;
        }
        let _turn = self.conditions.turn(&request.0).await;
        match self.recall(request, file.created).await? {
            Recalled::File(_) => Ok(false),
            Recalled::Stale(_) | Recalled::Nothing => self.mark(request, stale, file).await,
        }
    }

    /// Writes a request's marker where none is but the stale one. False where another was faster.
    #[tracing::instrument(level = "debug", name = "s3.request.put", skip_all, err(level = "debug"))]
    async fn mark(&self, request: &RequestKey, stale: Option<&str>, file: &StoredFile) -> Result<bool, StoreError> {
        let put = || {
            let put = self
                .client
                .put_object()
                .bucket(&*self.bucket)
                .key(&request.0)
                .content_type("text/plain")
                .metadata(CREATED, written(file.created))
                .body(ByteStream::from(Bytes::copy_from_slice(file.name.as_str().as_bytes())));
            match stale {
                Some(tag) => put.if_match(tag),
                None => put.if_none_match("*"),
            }
        };
        self.put_on_condition(put).await
    }
}

/// The name that a marker holds, unless the marker is too old.
async fn fresh_name(marker: GetObjectOutput, now: DateTime<Utc>) -> Result<Option<FileName>, StoreError> {
    let created = created(marker.metadata().and_then(|metadata| metadata.get(CREATED)), marker.last_modified());
    if created.is_none_or(|created| now - created >= REPEATABLE) {
        return Ok(None);
    }
    let text = marker.body.collect().await?.into_bytes();
    Ok(std::str::from_utf8(&text).ok().and_then(FileName::parse))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_callers_own_and_no_file_name() {
        let (caller, other) = (UserId::new(), UserId::new());
        let id = |text| RequestId::parse(text).unwrap().unwrap();
        let key = RequestKey::new(caller, &id("one"));
        assert_eq!(key, RequestKey::new(caller, &id("one")));
        assert_ne!(key, RequestKey::new(caller, &id("two")));
        assert_ne!(key, RequestKey::new(other, &id("one")));
        assert_eq!(FileName::parse(&key.0), None);
        assert_eq!(key.0.len(), "requests/".len() + 64);
    }
}
