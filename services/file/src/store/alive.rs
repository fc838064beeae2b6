//! The end of waiting for a store that has fallen silent. An operation may take long, a part of 5 MiB does over a slow
//! line; whether it still gets anywhere is asked only once it does.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Objects, StoreError};

/// How long an operation takes before the store is asked for a sign of life, and how long between two.
const ASK_AFTER: Duration = Duration::from_millis(500);
/// How long the store may take for it: a line that is busy with large files delays it.
const ANSWER_WITHIN: Duration = Duration::from_millis(2500);

/// The key of no object: files' names are longer.
const NOTHING: &str = "alive";

impl Objects {
    /// Waits for an operation for as long as the store answers at all.
    pub(super) fn while_alive<T>(
        &self,
        operation: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, StoreError>> {
        // The SDK's futures take 18 KB each: too much to be moved from hand to hand.
        let operation = Box::pin(operation);
        async move {
            tokio::select! {
                biased;
                outcome = operation => Ok(outcome),
                () = Box::pin(self.fallen_silent()) => Err(StoreError::because("the object store is silent")),
            }
        }
    }

    async fn fallen_silent(&self) {
        loop {
            sleep(ASK_AFTER).await;
            // Any answer will do, a refusal too: there is no such object.
            let question = self.client.head_object().bucket(&*self.bucket).key(NOTHING).send();
            let answered = timeout(ANSWER_WITHIN, question).await;
            if !answered.is_ok_and(|answer| answer.map_or_else(|error| error.raw_response().is_some(), |_| true)) {
                return;
            }
        }
    }
}
