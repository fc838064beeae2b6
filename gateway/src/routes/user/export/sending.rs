//! An export on its way to its reader. Owns what keeps it small: a part is asked for once the one before is on its way, so
//! that a slow reader costs two parts and no more. One that breaks off is cut, so that nobody takes it for the whole.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::Kind;

/// How many parts may wait for the reader.
const WAITING: usize = 1;
/// How long a service may take for a part.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where lines go, and what is to be sent of them.
pub(super) fn lines() -> (Lines, ReceiverStream<Result<Bytes, Status>>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Lines { part: Vec::new(), sender }, ReceiverStream::new(receiver))
}

/// The lines of a file, sent a part at a time.
pub(super) struct Lines {
    part: Vec<u8>,
    sender: mpsc::Sender<Result<Bytes, Status>>,
}

/// What a line is about, and the record's own fields.
#[derive(Serialize)]
struct Line<T> {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(flatten)]
    record: T,
}

impl Lines {
    /// Adds a line to the part that is sent next.
    pub(super) fn add(&mut self, kind: Kind, record: impl Serialize) -> Result<(), Status> {
        serde_json::to_writer(&mut self.part, &Line { kind, record })
            .map_err(|error| Status::internal(format!("a record cannot be written: {error}")))?;
        self.part.push(b'\n');
        Ok(())
    }

    /// Sends what was added once the reader has taken what was sent before.
    pub(super) async fn send(&mut self) -> Result<(), Status> {
        let part = std::mem::take(&mut self.part);
        self.sender.send(Ok(part.into())).await.map_err(|_| Status::cancelled("the reader has gone away"))
    }

    /// Asks for a list part by part, adds what `write` makes of each, and sends it. `write` answers where the next part
    /// begins.
    pub(super) async fn each_part<A, F>(
        &mut self,
        ask: impl Fn(String) -> F,
        write: impl Fn(&mut Self, A) -> Result<String, Status>,
    ) -> Result<(), Status>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut token = String::new();
        loop {
            let late = |_| Status::deadline_exceeded("a service is late");
            let part = timeout(PATIENCE, ask(token)).await.map_err(late)??;
            token = write(self, part.into_inner())?;
            self.send().await?;
            if token.is_empty() {
                return Ok(());
            }
        }
    }

    /// Ends the file before it is whole.
    pub(super) async fn break_off(&mut self, status: Status) {
        tracing::warn!(code = ?status.code(), message = status.message(), "an export broke off");
        // The reader may be what has gone away.
        let _ = self.sender.send(Err(status)).await;
    }
}
