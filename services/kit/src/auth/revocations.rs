//! Which tokens were ended before their time. Owns what is known of it in this process's memory, for as long as such a
//! token could still come; where it is heard of is `account_feed`'s.

use std::{array, collections::HashMap, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::Caller;
use crate::ids::UserId;

/// Into how many parts what is known is divided: one that changes is copied, so that nobody who reads ever waits.
const SHARDS: usize = 64;

/// Something that ends tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Whose tokens.
    pub user: UserId,
    /// Which of them.
    pub which: Revoked,
    /// When the last of them would have ended by itself, in seconds since the epoch.
    pub until: i64,
}

/// Which of a user's tokens are ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revoked {
    /// Those of one session.
    Session(Box<str>),
    /// Those of a generation below this one.
    Below(i32),
}

/// The tokens that are known to be ended. Clones share them.
#[derive(Clone)]
pub(super) struct Revocations {
    shards: Arc<[ArcSwap<Shard>; SHARDS]>,
    changes: watch::Sender<()>,
}

type Shard = HashMap<UserId, OfUser>;

/// What of one user's is ended.
#[derive(Clone, Debug, Default)]
struct OfUser {
    least_generation: i32,
    /// When the last token of a lower one would have ended.
    least_until: i64,
    sessions: Vec<(Box<str>, i64)>,
}

impl OfUser {
    fn end(&mut self, which: Revoked, until: i64) {
        match which {
            Revoked::Below(generation) if generation >= self.least_generation => {
                if generation > self.least_generation {
                    // Those that had ended before were of a lower one.
                    self.sessions.clear();
                }
                self.least_generation = generation;
                self.least_until = until;
            }
            Revoked::Below(_) => {}
            Revoked::Session(id) if self.sessions.iter().any(|(ended, _)| *ended == id) => {}
            Revoked::Session(id) => self.sessions.push((id, until)),
        }
    }

    /// Forgets what could not come any more at `now`; whether anything is left.
    fn keep_needed(&mut self, now: i64) -> bool {
        self.sessions.retain(|(_, until)| *until >= now);
        !self.sessions.is_empty() || self.least_until >= now
    }
}

impl Revocations {
    pub(super) fn new() -> Self {
        Self { shards: Arc::new(array::from_fn(|_| ArcSwap::default())), changes: watch::Sender::new(()) }
    }

    /// Whether the caller's token was ended.
    pub(super) fn cover(&self, caller: &Caller) -> bool {
        let shard = self.shard(caller.id).load();
        shard.get(&caller.id).is_some_and(|ended| {
            caller.generation < ended.least_generation || ended.sessions.iter().any(|(id, _)| *id == caller.session)
        })
    }

    /// Takes note of tokens that are ended, and forgets what need not be known at `now`, in seconds since the epoch.
    pub(super) fn add(&self, revocations: Vec<Revocation>, now: i64) {
        let mut by_shard: HashMap<usize, Vec<Revocation>> = HashMap::new();
        for revocation in revocations {
            by_shard.entry(index(revocation.user)).or_default().push(revocation);
        }
        if by_shard.is_empty() {
            return;
        }
        for (index, revocations) in by_shard {
            let mut shard = Shard::clone(&self.shards[index].load());
            for Revocation { user, which, until } in revocations {
                shard.entry(user).or_default().end(which, until);
            }
            shard.retain(|_, ended| ended.keep_needed(now));
            self.shards[index].store(Arc::new(shard));
        }
        self.changes.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Of how many users something is known.
    #[cfg(test)]
    pub(super) fn users(&self) -> usize {
        self.shards.iter().map(|shard| shard.load().len()).sum()
    }

    fn shard(&self, user: UserId) -> &ArcSwap<Shard> {
        &self.shards[index(user)]
    }
}

/// The last byte of an id counts up, and so spreads users evenly.
fn index(user: UserId) -> usize {
    usize::from(user.bytes()[11]) % SHARDS
}
