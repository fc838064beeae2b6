//! Whether the store keeps the conditions of a write ("only where there is none"): Amazon's and most others do, garage
//! takes no notice of them. On one that does not, this process writes markers one at a time and looks before each: two
//! processes that do so in the same few milliseconds may still store one repeated upload twice, as two files.

use aws_sdk_s3::primitives::ByteStream;
use chatroom_kit::ids::Id;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{Objects, StoreError, status_of};

/// What is named by the id in the key of a trial.
enum Trial {}

/// What is known of the store, and whose turn it is where it keeps no conditions.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    kept: OnceCell<bool>,
    turn: Mutex<()>,
}

impl Conditions {
    /// One's turn to write a marker.
    pub(super) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }
}

impl Objects {
    /// Whether the store refuses a write whose condition does not hold. Tried out once.
    pub(super) async fn keeps_conditions(&self) -> Result<bool, StoreError> {
        self.conditions.kept.get_or_try_init(|| self.try_conditions()).await.copied()
    }

    #[tracing::instrument(level = "debug", name = "s3.conditions", skip_all, err(level = "debug"))]
    async fn try_conditions(&self) -> Result<bool, StoreError> {
        // Nobody else's; among the markers, so that it expires should this process end here.
        let key = format!("requests/trial-{}", Id::<Trial>::new());
        let first = self.put_where_none_is(&key).await?;
        let kept = first && !self.put_where_none_is(&key).await?;
        self.while_alive(self.client.delete_object().bucket(&*self.bucket).key(&key).send()).await??;
        if !kept {
            tracing::warn!("the object store ignores If-None-Match: an upload repeated at once may be stored twice");
        }
        Ok(kept)
    }

    /// False where the store says that there is one.
    async fn put_where_none_is(&self, key: &str) -> Result<bool, StoreError> {
        let put = self.client.put_object().bucket(&*self.bucket).key(key).if_none_match("*");
        match self.while_alive(put.body(ByteStream::from_static(b"")).send()).await? {
            Ok(_) => Ok(true),
            Err(error) if matches!(status_of(&error), Some(409 | 412)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
