//! An export on its way to its reader. Owns what keeps it small: a part is asked for once the one before is on its way, so
//! that a slow reader costs two parts and no more. One that breaks off is cut, so that nobody takes it for the whole.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status};

use super::Kind;
use crate::waiting;

/// How many parts may wait for the reader.
const WAITING: usize = 1;
/// How long a service may take for a part, the wait for a place to ask from included.
const PATIENCE: Duration = Duration::from_secs(30);
/// How soon a part is asked for again that was refused for want of a place.
const AGAIN: Duration = Duration::from_millis(500);

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
            let part = timeout(PATIENCE, given_a_place(|| ask(token.clone()))).await.map_err(late)??;
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

/// What `ask` is answered once there is a place to ask from: a file that has begun is worth waiting for.
async fn given_a_place<A, F>(ask: impl Fn() -> F) -> Result<A, Status>
where
    F: Future<Output = Result<A, Status>>,
{
    loop {
        match ask().await {
            Err(status) if waiting::refused(&status).is_some() => sleep(AGAIN).await,
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::ready, sync::Arc};

    use futures::StreamExt as _;
    use tokio::time::Instant;
    use tonic::Code;

    use super::*;
    use crate::places::Full;

    fn no_place() -> Status {
        let mut status = Status::resource_exhausted("");
        status.set_source(Arc::new(Full::InAll));
        status
    }

    /// Asks for a list of which `answers` come one after the other, the last of them over and over. Answers what has come
    /// of it and what was asked for.
    async fn asked(mut answers: Vec<Result<&'static str, Status>>) -> (Result<(), Status>, Vec<String>) {
        answers.reverse();
        let (answers, asked) = (RefCell::new(answers), RefCell::new(Vec::new()));
        let ask = |token: String| {
            asked.borrow_mut().push(token);
            let mut answers = answers.borrow_mut();
            let answer = if answers.len() > 1 { answers.pop() } else { answers.last().cloned() };
            async move { answer.unwrap().map(Response::new) }
        };
        let (mut lines, sent) = lines();
        let outcome = lines.each_part(ask, |_, next: &'static str| Ok(next.to_owned()));
        let outcome = tokio::select! {
            outcome = outcome => outcome,
            () = sent.for_each(|_| ready(())) => panic!("the list ends first"),
        };
        (outcome, asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_for_which_there_is_no_place_is_asked_for_again() {
        let (outcome, asked) = asked(vec![Ok("more"), Err(no_place()), Err(no_place()), Ok("")]).await;
        outcome.unwrap();
        assert_eq!(asked, ["", "more", "more", "more"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_place_for_ever_or_for_what_has_failed_otherwise() {
        let begun = Instant::now();
        let (outcome, _) = asked(vec![Err(no_place())]).await;
        assert_eq!(outcome.unwrap_err().code(), Code::DeadlineExceeded);
        assert!((PATIENCE..PATIENCE + AGAIN).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        let (outcome, asked) = asked(vec![Err(Status::resource_exhausted("the service's own")), Ok("")]).await;
        assert_eq!((outcome.unwrap_err().code(), asked.len()), (Code::ResourceExhausted, 1));
    }
}
