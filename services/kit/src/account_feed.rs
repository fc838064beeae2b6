//! How a process hears of what has changed about accounts: tokens that were ended, people who are called otherwise. It
//! asks the user service every few seconds, so that no request has to. Owns the place it has reached in the feed; what
//! is ended is the [`Verifier`]'s to know.
//!
//! While the user service is away, what is known stays known: tokens that were ended are still refused, and nobody can
//! end others. A process that starts meanwhile accepts what is signed until it hears more.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chatroom_proto::user::v1::{
    AccountChange, ListAccountChangesRequest, ListAccountChangesResponse, account_change::Change,
    session_service_client::SessionServiceClient,
};
use tokio::{
    sync::{Notify, broadcast, watch},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::{
    auth::{Revocation, Revoked, Verifier},
    ids::UserId,
    link::{CallContext, Link},
    service_token::ServiceTokens,
};

/// How often the user service is asked. Older tokens must stop working within ten seconds; this leaves time for an
/// answer that is late or lost.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many changes of profiles may wait for whoever remembers people.
const WAITING_PROFILES: usize = 1024;

/// What is heard of accounts. Clones share it.
#[derive(Clone)]
pub struct AccountFeed {
    asking: Arc<Asking>,
    heard: watch::Receiver<u64>,
    profiles: broadcast::Sender<UserId>,
}

/// Who wants to know more before it is time.
#[derive(Default)]
struct Asking {
    count: AtomicU64,
    wake: Notify,
}

impl AccountFeed {
    /// How long a process that begins waits for what it has to know.
    pub const AT_START: Duration = Duration::from_secs(5);
    /// How long the answer to a change waits until the process that gives it knows of the change itself.
    pub const AFTER_CHANGE: Duration = Duration::from_millis(500);

    /// Follows the feed of the user service behind `users`, with `tokens` that say who asks, until `stop`; `verifier`
    /// learns which tokens were ended.
    pub fn follow(verifier: Verifier, users: Link, tokens: ServiceTokens, stop: CancellationToken) -> Self {
        let (asking, profiles) = (Arc::new(Asking::default()), broadcast::Sender::new(WAITING_PROFILES));
        let (sender, heard) = watch::channel(0);
        let reader =
            Reader { users: SessionServiceClient::new(users), tokens, verifier, profiles: profiles.clone(), after: 0 };
        let turns = asking.clone();
        tokio::spawn(async move { stop.run_until_cancelled(reader.run(&turns, &sender)).await });
        Self { asking, heard, profiles }
    }

    /// Asks at once, and waits until what had changed by now is known; not longer than `patience`.
    pub async fn catch_up(&self, patience: Duration) {
        let number = self.asking.count.fetch_add(1, Ordering::Relaxed) + 1;
        self.asking.wake.notify_one();
        let mut heard = self.heard.clone();
        // Late or never: what is not known yet will be before long.
        let _ = timeout(patience, heard.wait_for(|heard| *heard >= number)).await;
    }

    /// The users who are called or shown otherwise from now on. Whoever is too slow to read misses some, and is told.
    pub fn profiles(&self) -> broadcast::Receiver<UserId> {
        self.profiles.subscribe()
    }
}

struct Reader {
    users: SessionServiceClient<Link>,
    tokens: ServiceTokens,
    verifier: Verifier,
    profiles: broadcast::Sender<UserId>,
    /// The place that has been reached.
    after: i64,
}

impl Reader {
    async fn run(mut self, asking: &Asking, heard: &watch::Sender<u64>) {
        let mut answered = true;
        loop {
            let number = asking.count.load(Ordering::Relaxed);
            match self.catch_up().await {
                Ok(()) => {
                    heard.send_replace(number);
                    if !answered {
                        tracing::info!("accounts are heard of again");
                    }
                    answered = true;
                }
                Err(status) => {
                    if answered {
                        tracing::warn!(code = ?status.code(), message = status.message(), "accounts are not heard of");
                    }
                    answered = false;
                }
            }
            // Whoever asks wakes it; so does the time.
            let _ = timeout(ASK_EVERY, asking.wake.notified()).await;
        }
    }

    /// Reads the feed to its end.
    async fn catch_up(&mut self) -> Result<(), Status> {
        loop {
            let answer = self.ask().await?;
            self.learn(answer.changes);
            // A database that was set back counts anew; what is known from before stays known.
            let set_back = answer.last < self.after;
            self.after = if set_back { 0 } else { answer.last };
            if !answer.more && !set_back {
                return Ok(());
            }
        }
    }

    async fn ask(&mut self) -> Result<ListAccountChangesResponse, Status> {
        let request = self.tokens.request(ListAccountChangesRequest { after: self.after, page_size: 0 }).await?;
        let call = self.users.list_account_changes(request);
        let answer = CallContext::new(Some(PATIENCE), None).scope(call).await;
        Ok(self.tokens.note(answer)?.into_inner())
    }

    fn learn(&self, changes: Vec<AccountChange>) {
        let mut revocations = Vec::new();
        for change in changes {
            let Ok(user) = change.user.parse() else {
                tracing::error!("an account's change names no user");
                continue;
            };
            let until = change.expire_time.unwrap_or_default().seconds;
            let mut revoke = |which| revocations.push(Revocation { user, which, until });
            match change.change {
                Some(Change::SessionEnded(id)) => revoke(Revoked::Session(id.into())),
                Some(Change::LeastGeneration(generation)) => revoke(Revoked::Below(generation)),
                // Nobody may be listening.
                Some(Change::Profile(_)) => drop(self.profiles.send(user)),
                // Of a newer release, and of no concern to this one.
                None => {}
            }
        }
        self.verifier.revoke(revocations);
    }
}
