//! One upload on its way to the file service. Owns what makes it whole or nothing: the service sees the end of the
//! stream only where the form has been read to its end, and an error wherever it was broken off.

use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use chatroom_kit::{
    auth::Caller,
    error::{DEADLINE_EXCEEDED, INTERNAL},
    link::{CallContext, Link},
};
use chatroom_proto::file::v1::{
    File, UploadFileHeader, UploadFileRequest, UploadFileResponse, file_service_client::FileServiceClient,
    upload_file_request::Part,
};
use http::{Request, Response};
use http_body::Frame;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, body::Body};
use tower::Service;
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
    let whole = Arc::new(AtomicBool::new(false));
    let link = UploadLink { link: link.clone(), whole: whole.clone() };
    let request = caller.request(ReceiverStream::new(receiver));
    let call = async move { FileServiceClient::new(link).upload_file(request).await.map(tonic::Response::into_inner) };
    let call = tokio::spawn(CallContext::unhurried().scope(call).in_current_span());
    (Sender { pieces, whole }, Outcome(call))
}

/// Where the pieces of a file go. Dropping it breaks the upload off.
pub(super) struct Sender {
    pieces: mpsc::Sender<UploadFileRequest>,
    whole: Arc<AtomicBool>,
}

impl Sender {
    /// Sends a piece once there is room for it.
    pub(super) async fn send(&self, chunk: Bytes) -> Result<(), Refusal> {
        match timeout(PATIENCE, self.pieces.send(message(Part::Chunk(chunk)))).await {
            Ok(Ok(())) => Ok(()),
            // The call has ended, and whoever waits for its outcome goes on from there.
            Ok(Err(_)) => pending().await,
            Err(_) => Err(Refusal::new(DEADLINE_EXCEEDED)),
        }
    }

    /// Says that everything has been sent.
    pub(super) fn end(self) {
        self.whole.store(true, Ordering::Release);
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

/// The way to the file service for one upload. A generated client can end its stream but not break it off; here the
/// stream's end becomes an error unless the upload is whole.
#[derive(Clone)]
struct UploadLink {
    link: Link,
    whole: Arc<AtomicBool>,
}

impl Service<Request<Body>> for UploadLink {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = <Link as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.link.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let whole = self.whole.clone();
        self.link.call(request.map(|body| Body::new(WholeBody { body, whole })))
    }
}

/// A body that ends in an error unless it is whole.
struct WholeBody {
    body: Body,
    whole: Arc<AtomicBool>,
}

impl http_body::Body for WholeBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if frame.is_none() && !self.whole.load(Ordering::Acquire) {
            // Any code but CANCELLED: tonic's servers take that one for the end of the stream.
            return Poll::Ready(Some(Err(Status::aborted("the upload was broken off"))));
        }
        Poll::Ready(frame)
    }
}
