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
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, body::Body};
use tower::Service;
use tracing::Instrument as _;

use crate::error::{Refusal, filled};

/// How many messages may wait for the service.
const WAITING_MAX: usize = 2;
/// How long the service may take for a piece, or for its answer once it has all of them.
const PATIENCE: Duration = Duration::from_mins(1);

/// An upload under way. Dropping it breaks the upload off.
pub(super) struct Transfer {
    sender: mpsc::Sender<UploadFileRequest>,
    whole: Arc<AtomicBool>,
    call: JoinHandle<Result<UploadFileResponse, Status>>,
}

impl Transfer {
    /// Begins the call. It runs on its own, so that a client that goes away does not take it down: the service must
    /// learn of the end, in this process as over the network, to put away what it has.
    pub(super) fn begin(link: &Link, caller: &Caller, request_id: String) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        // There is room: nothing has been sent.
        let _ = sender.try_send(message(Part::Header(UploadFileHeader { request_id })));
        let whole = Arc::new(AtomicBool::new(false));
        let link = UploadLink { link: link.clone(), whole: whole.clone() };
        let request = caller.request(ReceiverStream::new(receiver));
        let call =
            async move { FileServiceClient::new(link).upload_file(request).await.map(tonic::Response::into_inner) };
        let call = tokio::spawn(CallContext::unhurried().scope(call).in_current_span());
        Self { sender, whole, call }
    }

    /// Where the file's pieces go.
    pub(super) fn sender(&self) -> Sender {
        Sender(self.sender.clone())
    }

    /// What the service answers.
    pub(super) async fn outcome(&mut self) -> Result<File, Refusal> {
        outcome((&mut self.call).await)
    }

    /// Says that everything has been sent, and waits for the answer.
    pub(super) async fn finish(self) -> Result<File, Refusal> {
        self.whole.store(true, Ordering::Release);
        drop(self.sender);
        outcome(timeout(PATIENCE, self.call).await.map_err(|_| Refusal::new(DEADLINE_EXCEEDED))?)
    }
}

fn outcome(call: Result<Result<UploadFileResponse, Status>, JoinError>) -> Result<File, Refusal> {
    let response = call.map_err(|error| {
        tracing::error!(%error, "an upload's call ended without an answer");
        Refusal::new(INTERNAL)
    })?;
    filled(response?.file)
}

/// Where the pieces of a file go.
pub(super) struct Sender(mpsc::Sender<UploadFileRequest>);

impl Sender {
    /// Sends a piece once there is room for it.
    pub(super) async fn send(&self, chunk: Bytes) -> Result<(), Refusal> {
        match timeout(PATIENCE, self.0.send(message(Part::Chunk(chunk)))).await {
            Ok(Ok(())) => Ok(()),
            // The call has ended, and whoever waits for its outcome goes on from there.
            Ok(Err(_)) => pending().await,
            Err(_) => Err(Refusal::new(DEADLINE_EXCEEDED)),
        }
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
            return Poll::Ready(Some(Err(Status::cancelled("the upload was broken off"))));
        }
        Poll::Ready(frame)
    }
}
