//! One upload on its way to the file service. Owns what makes it whole or nothing: the service is told of the end of the
//! file only where the form has been read to its end.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use chatroom_kit::{
    auth::Caller,
    error::{DEADLINE_EXCEEDED, INTERNAL},
    link::{CallContext, Link},
};
use chatroom_proto::file::v1::{
    File, UploadFileEnd, UploadFileHeader, UploadFileRequest, UploadFileResponse,
    file_service_client::FileServiceClient, upload_file_request::Part,
};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tracing::Instrument as _;

use crate::error::{Refusal, filled};

/// How many messages may wait for the service.
const WAITING_MAX: usize = 2;
/// How long the service may take for a piece, or for its answer once it has all of them.
const PATIENCE: Duration = Duration::from_mins(1);

/// Begins an upload: where its pieces go, and what comes of it. The call runs on its own, so that a client that goes
/// away does not take it down: the service must learn of the end, in this process as over the network, to put away what
/// it has.
pub(super) fn begin(link: &Link, caller: &Caller, request_id: String) -> (Sender, Outcome) {
    let (pieces, receiver) = mpsc::channel(WAITING_MAX);
    // There is room: nothing has been sent.
    let _ = pieces.try_send(message(Part::Header(UploadFileHeader { request_id })));
    let mut client = FileServiceClient::new(link.clone());
    let request = caller.request(ReceiverStream::new(receiver));
    let call = async move { client.upload_file(request).await.map(tonic::Response::into_inner) };
    let call = tokio::spawn(CallContext::unhurried().scope(call).in_current_span());
    (Sender { pieces, size: 0 }, Outcome(call))
}

/// Where the pieces of a file go. Dropping it breaks the upload off.
pub(super) struct Sender {
    pieces: mpsc::Sender<UploadFileRequest>,
    /// How many bytes were sent.
    size: i64,
}

impl Sender {
    /// Sends a piece once there is room for it.
    pub(super) async fn send(&mut self, chunk: Bytes) -> Result<(), Refusal> {
        self.size = self.size.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
        self.pass(Part::Chunk(chunk)).await
    }

    /// Says that everything has been sent.
    pub(super) async fn end(self) -> Result<(), Refusal> {
        self.pass(Part::End(UploadFileEnd { size: self.size })).await
    }

    async fn pass(&self, part: Part) -> Result<(), Refusal> {
        match timeout(PATIENCE, self.pieces.send(message(part))).await {
            Ok(Ok(())) => Ok(()),
            // The call has ended, and whoever waits for its outcome goes on from there.
            Ok(Err(_)) => pending().await,
            Err(_) => Err(Refusal::new(DEADLINE_EXCEEDED)),
        }
    }
}

/// What comes of an upload.
pub(super) struct Outcome(JoinHandle<Result<UploadFileResponse, Status>>);

impl Outcome {
    /// The stored file, once the service answers.
    pub(super) async fn known(&mut self) -> Result<File, Refusal> {
        let response = (&mut self.0).await.map_err(|error| {
            tracing::error!(%error, "an upload's call ended without an answer");
            Refusal::new(INTERNAL)
        })?;
        filled(response?.file)
    }

    /// The stored file, where everything has been sent and the service has only to answer.
    pub(super) async fn soon(mut self) -> Result<File, Refusal> {
        timeout(PATIENCE, self.known()).await.unwrap_or_else(|_| Err(Refusal::new(DEADLINE_EXCEEDED)))
    }
}

fn message(part: Part) -> UploadFileRequest {
    UploadFileRequest { part: Some(part) }
}
