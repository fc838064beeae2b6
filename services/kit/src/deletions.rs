//! How a service hears of deleted accounts, of which it still holds something: it asks the user service every few
//! seconds, takes away what it holds, and confirms. What was not confirmed is answered again, so that a process that is
//! killed loses nothing. Any number of replicas may do so at once: taking away twice is taking away once. Owns nothing
//! that is taken away.

use std::time::Duration;

use chatroom_proto::user::v1::{
    ConfirmDeletionRequest, Deletion as Told, ListDeletionsRequest, deletion_service_client::DeletionServiceClient,
};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{ids::UserId, link::Link, service_token::ServiceTokens};

/// How often the user service is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A deleted account.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Whose it was.
    pub user: UserId,
    /// Whether what they have said goes too.
    pub erase_messages: bool,
    /// The path of the picture that they had; empty where they had none.
    pub avatar: String,
}

/// Takes away what a service holds of an account.
pub trait TakeAway: Send + Sync + 'static {
    /// Does so; everything that it did before may have been undone or interrupted since.
    fn take_away(&self, deletion: &Deletion) -> impl Future<Output = Result<(), Status>> + Send;
}

/// Asks the user service behind `users`, with `tokens` that say for which service, and has `service` take away what it
/// holds, until `stop`.
pub async fn follow(service: impl TakeAway, users: Link, tokens: ServiceTokens, stop: CancellationToken) {
    let follower = Follower { service, users: DeletionServiceClient::new(users), tokens };
    while stop.run_until_cancelled(time::sleep(ASK_EVERY)).await.is_some() {
        // A round that is broken off is begun anew by the next process.
        if let Some(Err(status)) = stop.run_until_cancelled(follower.round()).await {
            tracing::warn!(code = ?status.code(), message = status.message(), "deleted accounts are not heard of");
        }
    }
}

struct Follower<T> {
    service: T,
    users: DeletionServiceClient<Link>,
    tokens: ServiceTokens,
}

impl<T: TakeAway> Follower<T> {
    /// Takes away what is left of every account. One that cannot be finished holds up no other.
    async fn round(&self) -> Result<(), Status> {
        let request = self.tokens.request(ListDeletionsRequest { page_size: 0 }).await?;
        let answer = self.tokens.note(self.users.clone().list_deletions(request).await)?;
        for told in answer.into_inner().deletions {
            if let Err(status) = self.settle(&told).await {
                let (code, message) = (status.code(), status.message());
                tracing::warn!(?code, message, user.id = told.user, "a deleted account cannot be taken away yet");
            }
        }
        Ok(())
    }

    async fn settle(&self, told: &Told) -> Result<(), Status> {
        let user = UserId::parse("user", &told.user)?;
        let (erase_messages, avatar) = (told.erase_messages, told.avatar.clone());
        self.service.take_away(&Deletion { user, erase_messages, avatar }).await?;
        if !told.settled {
            // Something may still come with a token that is not refused everywhere: it is looked for again.
            return Ok(());
        }
        let request = self.tokens.request(ConfirmDeletionRequest { user: told.user.clone() }).await?;
        self.tokens.note(self.users.clone().confirm_deletion(request).await)?;
        tracing::info!(user.id = %user, "what was left of a deleted account is taken away");
        Ok(())
    }
}
