//! Taking an upload: who may still upload how much, what kind of file it is, and only then the store. Knows neither
//! gRPC nor S3.

use std::pin::Pin;

use aws_lc_rs::error::Unspecified;
use bytes::{Bytes, BytesMut};
use chatroom_kit::{
    clock::Clock,
    error::{Invalid, Problem},
    fields::RequestId,
    ids::UserId,
};
use futures::{Stream, TryStreamExt as _};

use crate::{
    config::Settings,
    domain::{FileKind, FileName, StoredFile, Verdict, sniff},
    error::Error,
    slots::Slots,
    store::{Objects, Recalled, RequestKey},
    volume::{Volume, Volumes},
};

/// Takes uploads.
pub(crate) struct Uploads {
    objects: Objects,
    clock: Clock,
    volumes: Volumes,
    slots: Slots,
    limit: u64,
}

impl Uploads {
    pub(crate) fn new(objects: Objects, clock: Clock, settings: &Settings) -> Self {
        Self {
            objects,
            clock,
            volumes: Volumes::new(settings.upload_daily_bytes),
            slots: Slots::new(settings),
            limit: settings.upload_max_bytes,
        }
    }

    /// Stores a file of `owner`'s and answers it; the first one's again where `request` is a repeat.
    pub(crate) async fn take<S>(
        &self,
        owner: UserId,
        request: Option<RequestId>,
        chunks: Pin<&mut S>,
    ) -> Result<StoredFile, Error>
    where
        S: Stream<Item = Result<Bytes, Error>>,
    {
        let _slot = self.slots.take(owner)?;
        let request = match request.map(|id| RequestKey::new(owner, &id)) {
            None => None,
            Some(key) => match self.objects.recall(&key, self.clock.now()).await? {
                Recalled::File(first) => return Ok(first),
                Recalled::Stale(tag) => Some((key, Some(tag))),
                Recalled::Nothing => Some((key, None)),
            },
        };
        let mut intake =
            Intake { chunks, taken: 0, limit: self.limit, volume: self.volumes.of(owner), clock: &self.clock };
        let outcome = self.store(owner, request, &mut intake).await;
        if matches!(outcome, Err(Error::Store(_))) {
            intake.volume.give_back(intake.taken);
        }
        outcome
    }

    async fn store<S>(
        &self,
        owner: UserId,
        request: Option<(RequestKey, Option<String>)>,
        intake: &mut Intake<'_, S>,
    ) -> Result<StoredFile, Error>
    where
        S: Stream<Item = Result<Bytes, Error>>,
    {
        let (head, kind) = intake.head().await?;
        let now = self.clock.now();
        let mut upload = self.objects.upload(FileName::new(now, random()?, kind), owner, now, request);
        upload.write(head).await?;
        while let Some(chunk) = intake.next().await? {
            upload.write(chunk).await?;
        }
        let file = upload.finish().await?;
        tracing::info!(user.id = %owner, file.kind = kind.extension(), file.size = file.size, "file stored");
        Ok(file)
    }
}

/// The bytes of an upload as they come, counted.
struct Intake<'a, S> {
    chunks: Pin<&'a mut S>,
    taken: u64,
    limit: u64,
    volume: Volume,
    clock: &'a Clock,
}

impl<S> Intake<'_, S>
where
    S: Stream<Item = Result<Bytes, Error>>,
{
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(chunk) = self.chunks.try_next().await? else {
            return Ok(None);
        };
        let length = chunk.len() as u64;
        if length > self.limit - self.taken {
            return Err(Error::FileTooLarge { limit: self.limit });
        }
        self.volume.take(length, self.clock.now())?;
        self.taken += length;
        Ok(Some(chunk))
    }

    /// The first bytes, as many as tell the file's kind, and that kind. Refuses a file as soon as it can be told.
    async fn head(&mut self) -> Result<(Bytes, FileKind), Error> {
        let mut head = BytesMut::new();
        let mut needed = 1;
        loop {
            let whole = !self.gather(&mut head, needed).await?;
            if head.is_empty() {
                return Err(Invalid::new("file", Problem::Missing).into());
            }
            match sniff(&head, whole) {
                Verdict::Is(kind) => return Ok((head.freeze(), kind)),
                Verdict::Unsupported => return Err(Error::UnsupportedFileType),
                Verdict::Needs(more) => needed = more,
            }
        }
    }

    /// Adds to `head` until it has `needed` bytes; false where the file ends before.
    async fn gather(&mut self, head: &mut BytesMut, needed: usize) -> Result<bool, Error> {
        while head.len() < needed {
            match self.next().await? {
                Some(chunk) => head.extend_from_slice(&chunk),
                None => return Ok(false),
            }
        }
        Ok(true)
    }
}

fn random() -> Result<u128, Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(u128::from_be_bytes(bytes))
}
