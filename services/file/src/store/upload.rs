//! Files on their way into the store: at most 5 MiB being gathered while as many are being sent. All that is asked of
//! the store is asked by a task of its own, which ends in order whatever becomes of the caller: an upload that fails,
//! or whose caller drops it, leaves neither an object nor a multipart upload behind.

use bytes::Bytes;
use chatroom_kit::ids::UserId;
use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument as _;

use super::{
    NewObject, Objects, Recalled, RequestKey, StoreError,
    multipart::Multipart,
    part::{Gathering, Part},
};
use crate::domain::{FileName, StoredFile};

/// A file on its way into the store. Dropped before it is finished, it is undone.
#[derive(Debug)]
pub struct Upload {
    gathered: Gathering,
    pieces: mpsc::Sender<Piece>,
    stored: oneshot::Receiver<Result<StoredFile, StoreError>>,
}

/// What the caller hands to the task.
#[derive(Debug)]
enum Piece {
    /// 5 MiB, and more to come.
    Part(Part),
    /// The rest.
    Last(Part),
}

impl Objects {
    /// Begins to store a file. A `request` that can be repeated comes with the entity tag of its stale marker, where
    /// there is one.
    pub fn upload(
        &self,
        name: FileName,
        owner: UserId,
        now: DateTime<Utc>,
        request: Option<(RequestKey, Option<String>)>,
    ) -> Upload {
        let (pieces, received) = mpsc::channel(1);
        let (answer, stored) = oneshot::channel();
        let object = NewObject { name, owner, created: now };
        let task = Task { objects: self.clone(), object, request, multipart: None, attempted: false };
        self.tasks.spawn(task.run(received, answer).in_current_span());
        Upload { gathered: Gathering::default(), pieces, stored }
    }
}

impl Upload {
    /// Takes some more bytes. Waits while the store has not taken what came before.
    pub async fn write(&mut self, mut chunk: Bytes) -> Result<(), StoreError> {
        while !chunk.is_empty() {
            // Only now: had the file ended here, this would have been its last part.
            if self.gathered.is_full() {
                let part = self.gathered.take();
                self.send(Piece::Part(part)).await?;
            }
            self.gathered.fill(&mut chunk);
        }
        Ok(())
    }

    /// Stores the file and answers it once it is stored for good; for a repeated request, the file of the first.
    pub async fn finish(mut self) -> Result<StoredFile, StoreError> {
        let part = self.gathered.take();
        self.send(Piece::Last(part)).await?;
        self.answer().await
    }

    async fn send(&mut self, piece: Piece) -> Result<(), StoreError> {
        let last = matches!(piece, Piece::Last(_));
        // The queue holds one piece. Waiting until it is empty again, the task sends that piece by then, keeps a third
        // from being gathered.
        if self.pieces.send(piece).await.is_ok() && (last || self.pieces.reserve().await.is_ok()) {
            return Ok(());
        }
        // Nobody takes pieces any more: the task has failed.
        self.answer().await.and(Err(StoreError::because("an upload ended early")))
    }

    async fn answer(&mut self) -> Result<StoredFile, StoreError> {
        (&mut self.stored).await.unwrap_or(Err(StoreError::because("an upload was cut off")))
    }
}

/// Stores one file.
struct Task {
    objects: Objects,
    object: NewObject,
    request: Option<(RequestKey, Option<String>)>,
    /// A multipart upload that has not been completed.
    multipart: Option<Multipart>,
    /// Whether the object may be there.
    attempted: bool,
}

impl Task {
    async fn run(mut self, pieces: mpsc::Receiver<Piece>, answer: oneshot::Sender<Result<StoredFile, StoreError>>) {
        let outcome = self.store(pieces).await;
        let failed = outcome.is_err();
        let unheard = answer.send(outcome).is_err();
        // A file whose name nobody has learnt is of no use, unless its request can be repeated.
        if failed || (unheard && self.request.is_none()) {
            self.undo().await;
        }
    }

    async fn store(&mut self, mut pieces: mpsc::Receiver<Piece>) -> Result<StoredFile, StoreError> {
        let size = match pieces.recv().await {
            None => return Err(abandoned()),
            Some(Piece::Last(part)) => {
                self.attempted = true;
                self.objects.put(&self.object, &part).await?;
                part.length()
            }
            Some(Piece::Part(first)) => self.store_parts(first, pieces).await?,
        };
        let file = StoredFile { name: self.object.name.clone(), size, created: self.object.created };
        self.settle(file).await
    }

    async fn store_parts(&mut self, first: Part, mut pieces: mpsc::Receiver<Piece>) -> Result<u64, StoreError> {
        let multipart = self.multipart.insert(self.objects.create_multipart(&self.object).await?);
        let mut size = 0;
        let mut piece = Piece::Part(first);
        loop {
            let (Piece::Part(part) | Piece::Last(part)) = &piece;
            size += part.length();
            self.objects.upload_part(&self.object, multipart, part).await?;
            if matches!(piece, Piece::Last(_)) {
                break;
            }
            // Not kept while the next is waited for.
            drop(piece);
            piece = pieces.recv().await.ok_or_else(abandoned)?;
        }
        self.attempted = true;
        self.objects.complete_multipart(&self.object, multipart).await?;
        self.multipart = None;
        Ok(size)
    }

    /// Remembers the request. Where another of the same name was faster, its file is the answer.
    async fn settle(&mut self, file: StoredFile) -> Result<StoredFile, StoreError> {
        let Some((request, stale)) = &self.request else {
            return Ok(file);
        };
        // Where the store does not answer this, nothing has been remembered.
        self.objects.keeps_conditions().await?;
        // Without an answer the request may be remembered all the same, and a repeat be answered with this file: from here
        // on it is not deleted where something fails. Left behind for nothing, it does no harm.
        self.attempted = false;
        if self.objects.remember(request, stale.as_deref(), &file).await? {
            return Ok(file);
        }
        match self.objects.recall(request, file.created).await? {
            // The marker is this one's own: it was written again because the first answer was lost.
            Recalled::File(first) if first.name == file.name => Ok(file),
            Recalled::File(first) => {
                self.attempted = true;
                self.undo().await;
                Ok(first)
            }
            Recalled::Stale(_) | Recalled::Nothing => Err(StoreError::because("a request's marker is gone")),
        }
    }

    async fn undo(&self) {
        if let Some(multipart) = &self.multipart
            && let Err(error) = self.objects.abort_multipart(&self.object, multipart).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the parts of an upload are left behind");
        }
        if self.attempted
            && let Err(error) = self.objects.remove(&self.object.name).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "the object of an upload is left behind");
        }
    }
}

fn abandoned() -> StoreError {
    StoreError::because("an upload was abandoned")
}
