//! Deletes the files that nothing uses any more. What is to be deleted stands in the database since the transaction in
//! which its last use ended: nothing is forgotten when a process dies, and a file that is deleted twice is as gone as
//! once. Owns no file; a picture of somebody's or of a page's is kept.

use std::{sync::Arc, time::Duration};

use chatroom_kit::{clock::Clock, link::Link, service_token::ServiceTokens};
use chatroom_proto::{
    file::v1::{DeleteFileRequest, file_service_client::FileServiceClient},
    merchant::v1::{CheckPictureRequest as CheckIconRequest, merchant_service_client::MerchantServiceClient},
    user::v1::{CheckPictureRequest, user_service_client::UserServiceClient},
};
use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    domain::pause,
    store::{Discarded, Store},
};

/// How many files are deleted at once.
const AT_ONCE: i64 = 16;
/// How long what was taken is nobody else's: longer than deleting takes.
const LEASE: Duration = Duration::from_mins(1);
/// How long events gather before they are looked at.
const GATHER: Duration = Duration::from_millis(200);
/// How often failed ones are looked for, and what other replicas have left.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How soon a file that is somebody's picture is looked at again.
const PICTURE_FOR: Duration = Duration::from_hours(24);

/// Deletes files.
#[derive(Clone)]
pub(crate) struct Discarder {
    store: Store,
    files: FileServiceClient<Link>,
    users: UserServiceClient<Link>,
    merchants: MerchantServiceClient<Link>,
    tokens: ServiceTokens,
    clock: Clock,
}

impl Discarder {
    pub(crate) fn new(store: Store, links: &crate::Links, clock: Clock) -> Self {
        Self {
            store,
            files: FileServiceClient::new(links.file.clone()),
            users: UserServiceClient::new(links.user.clone()),
            merchants: MerchantServiceClient::new(links.merchant.clone()),
            tokens: links.tokens.clone(),
            clock,
        }
    }

    /// Deletes files until `stop`. `stored` is notified when something has happened in a group.
    pub(crate) async fn run(self, stored: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.clock.now();
            let taken = self.store.claim_discarded(AT_ONCE, now, now + LEASE).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "what is to be deleted cannot be read");
                Vec::new()
            });
            if taken.is_empty() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = stored.notified() => time::sleep(GATHER).await,
                    () = time::sleep(LOOK_EVERY) => {}
                }
            }
            for discarded in taken {
                self.settle(discarded).await;
            }
        }
    }

    async fn settle(&self, discarded: Discarded) {
        let now = self.clock.now();
        let next_at = match self.delete(&discarded.path).await {
            Ok(true) => None,
            Ok(false) => Some(now + PICTURE_FOR),
            Err(status) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "a file cannot be deleted yet");
                Some(now + pause(discarded.attempts, rand::random()))
            }
        };
        if let Err(error) = self.store.set_discarded(&discarded.path, next_at).await {
            // The lease ends, and it is tried again.
            tracing::warn!(%error, "that a file was deleted cannot be written down");
        }
    }

    /// Deletes a file; false where it is kept since it is a picture of somebody's or of a page's.
    async fn delete(&self, path: &str) -> Result<bool, Status> {
        let request = self.tokens.request(CheckPictureRequest { path: path.to_owned() }).await?;
        if self.tokens.note(self.users.clone().check_picture(request).await)?.into_inner().used {
            return Ok(false);
        }
        let request = self.tokens.request(CheckIconRequest { path: path.to_owned() }).await?;
        if self.tokens.note(self.merchants.clone().check_picture(request).await)?.into_inner().used {
            return Ok(false);
        }
        let name = path.strip_prefix("/upload/").unwrap_or(path).to_owned();
        let request = self.tokens.request(DeleteFileRequest { name }).await?;
        self.tokens.note(self.files.clone().delete_file(request).await)?;
        Ok(true)
    }
}
