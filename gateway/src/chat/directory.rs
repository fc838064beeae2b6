//! Where the people of the chat are looked up: in batches, and remembered. What was said is never kept back for want of a
//! name: while the user service does not answer, whoever is known is shown as they were last. Owns no account.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chatroom_kit::ids::UserId;
use chatroom_proto::user::v1::{BatchGetUsersRequest, User, user_service_client::UserServiceClient};
use moka::sync::Cache;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, timeout},
};
use tonic::{Code, Request, Status};

use super::people::{People, Profile};
use crate::waiting::{self, Way};

/// How many people are remembered: some 5 MB.
const KNOWN_MAX: u64 = 20_000;
/// How long someone is remembered after they were last looked up.
const KNOWN_FOR: Duration = Duration::from_mins(10);
/// How long what is remembered is believed where no change of it is heard of.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// How many people are asked for in one call.
const BATCH_MAX: usize = 200;
/// How long a name is worth waiting for.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a user service that did not answer is left alone, so that not everything that is said waits for it.
const REST: Duration = Duration::from_secs(1);

/// Looks people up. Shared by all that is answered.
pub(crate) struct Directory {
    users: UserServiceClient<Way>,
    known: Cache<String, Known>,
    /// Until when the user service is left alone.
    rest: Mutex<Option<Instant>>,
}

/// What is remembered of someone.
#[derive(Clone)]
struct Known {
    profile: Arc<Profile>,
    looked_up: Instant,
    /// They have changed since, as has been heard.
    outdated: bool,
}

impl Known {
    fn is_fresh(&self) -> bool {
        !self.outdated && self.looked_up.elapsed() <= FRESH_FOR
    }
}

impl Directory {
    pub(crate) fn new(users: UserServiceClient<Way>) -> Self {
        let known = Cache::builder().max_capacity(KNOWN_MAX).time_to_live(KNOWN_FOR).build();
        Self { users, known, rest: Mutex::default() }
    }

    /// Looks up everyone of `ids`, in one call for those of whom nothing fresh is known. `signed` makes a request that
    /// says who asks. Whoever cannot be found is left out.
    pub(crate) async fn people<'a, S>(&self, ids: impl IntoIterator<Item = &'a str>, signed: S) -> People
    where
        S: Fn(BatchGetUsersRequest) -> Request<BatchGetUsersRequest>,
    {
        let ids: HashSet<&str> = ids.into_iter().filter(|id| !id.is_empty()).collect();
        let mut people = People::default();
        let mut wanted = Vec::new();
        for id in ids {
            let known = self.known.get(id);
            if !known.as_ref().is_some_and(Known::is_fresh) {
                wanted.push(id.to_owned());
            }
            if let Some(known) = known {
                people.insert(id.to_owned(), known.profile);
            }
        }
        for batch in wanted.chunks(BATCH_MAX) {
            let Some(users) = self.fetch(signed(BatchGetUsersRequest { ids: batch.to_vec() })).await else {
                break;
            };
            for user in users {
                let (id, profile) = (user.id.clone(), Arc::new(Profile::from(user)));
                let known = Known { profile: profile.clone(), looked_up: Instant::now(), outdated: false };
                self.known.insert(id.clone(), known);
                people.insert(id, profile);
            }
        }
        people
    }

    /// Looks people up anew of whom it is heard that they are called or shown otherwise, until `changes` ends.
    pub(crate) async fn follow(&self, mut changes: Receiver<UserId>) {
        loop {
            match changes.recv().await {
                Ok(user) => self.outdate(&user.to_string()),
                // Of some it was missed: it may be anybody.
                Err(RecvError::Lagged(_)) => self.known.iter().for_each(|(id, _)| self.outdate(&id)),
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Kept all the same: while nobody can be asked, an old name is better than none.
    fn outdate(&self, id: &str) {
        if let Some(known) = self.known.get(id) {
            self.known.insert(id.to_owned(), Known { outdated: true, ..known });
        }
    }

    /// Asks the user service; nothing where it does not answer.
    async fn fetch(&self, request: Request<BatchGetUsersRequest>) -> Option<Vec<User>> {
        if self.rest.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|end| Instant::now() < end) {
            return None;
        }
        let status = match timeout(PATIENCE, self.users.clone().batch_get_users(request)).await {
            Ok(Ok(answer)) => return Some(answer.into_inner().users),
            Ok(Err(status)) => status,
            Err(_) => Status::deadline_exceeded("a name is worth waiting for no longer"),
        };
        // The service was not asked, and others may ask it.
        if waiting::refused(&status).is_some() {
            return None;
        }
        let code = status.code();
        tracing::warn!(?code, "people could not be looked up");
        // One caller's token that has just ended is no fault of the service's.
        if code != Code::Unauthenticated {
            *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + REST);
        }
        None
    }
}

#[cfg(test)]
mod tests;
