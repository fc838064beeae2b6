//! Whether the store keeps the conditions of a write ("only where there is none"): Amazon's and most others do, garage
//! takes no notice of them. On one that does not, this process looks before it writes a marker, and writes one of a
//! request at a time: two processes that do so in the same few milliseconds may still store one repeated upload twice, as
//! two files.

use std::time::Duration;

use aws_sdk_s3::{operation::put_object::builders::PutObjectFluentBuilder, primitives::ByteStream};
use chatroom_kit::ids::Id;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use super::{Objects, StoreError, status_of};

/// What is named by the id in the key of a trial.
enum Trial {}

/// One for each digit that a marker's key may end with: most markers of different requests do not wait for each other.
const TURNS: usize = 16;

/// How often a write is tried that meets another one, and how long it waits for that.
const ATTEMPTS: usize = 5;
const PAUSE: Duration = Duration::from_millis(100);

/// What is known of the store, and whose turn it is where it keeps no conditions.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    kept: OnceCell<bool>,
    turns: [Mutex<()>; TURNS],
}

impl Conditions {
    /// The turn of one who writes the marker with `key`.
    pub(super) async fn turn(&self, key: &str) -> MutexGuard<'_, ()> {
        let last = key.chars().next_back().and_then(|digit| digit.to_digit(16)).unwrap_or_default();
        self.turns[last as usize].lock().await
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
        let put = || {
            let put = self.client.put_object().bucket(&*self.bucket).key(&key).if_none_match("*");
            put.body(ByteStream::from_static(b""))
        };
        // Also the first one may be refused: it is sent again where its answer was lost.
        let (first, second) = (self.put_on_condition(put).await?, self.put_on_condition(put).await?);
        let kept = !first || !second;
        // What is left of it expires.
        let _ = self.while_alive(self.client.delete_object().bucket(&*self.bucket).key(&key).send()).await;
        if !kept {
            tracing::warn!("the object store ignores If-None-Match: an upload repeated at once may be stored twice");
        }
        Ok(kept)
    }

    /// Writes an object on a condition. False where the store says that it does not hold.
    pub(super) async fn put_on_condition(&self, put: impl Fn() -> PutObjectFluentBuilder) -> Result<bool, StoreError> {
        for _ in 0..ATTEMPTS {
            match self.while_alive(put().send()).await? {
                Ok(_) => return Ok(true),
                Err(error) if status_of(&error) == Some(412) => return Ok(false),
                // Another write of it is under way, which may come to nothing.
                Err(error) if status_of(&error) == Some(409) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::because("a write met another one again and again"))
    }
}
