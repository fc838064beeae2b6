//! The places for uploads under way: so many in all, since each holds memory, and so many of one user's, so that nobody
//! holds them all by sending slowly. Owns no upload.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use chatroom_kit::ids::UserId;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{config::Settings, error::Error};

/// The places for uploads under way.
pub(crate) struct Slots {
    in_all: Semaphore,
    per_user: u16,
    /// How many each user holds; who holds none is not in it.
    held: Mutex<HashMap<UserId, u16>>,
}

/// A place, free again when this is dropped.
pub(crate) struct Slot<'a> {
    slots: &'a Slots,
    user: UserId,
    _in_all: SemaphorePermit<'a>,
}

impl Slots {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            in_all: Semaphore::new(settings.upload_concurrency.into()),
            per_user: settings.upload_concurrency_per_user,
            held: Mutex::default(),
        }
    }

    /// A place for an upload of `user`'s, where there is one.
    pub(crate) fn take(&self, user: UserId) -> Result<Slot<'_>, Error> {
        let mut held = self.held();
        let own = held.get(&user).copied().unwrap_or_default();
        if own >= self.per_user {
            return Err(Error::TooManyOfOneUser);
        }
        let in_all = self.in_all.try_acquire().map_err(|_| Error::Overloaded)?;
        held.insert(user, own + 1);
        Ok(Slot { slots: self, user, _in_all: in_all })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<UserId, u16>> {
        // Nothing can panic while a count is changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut held = self.slots.held();
        if let Some(own) = held.get_mut(&self.user) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.user);
            }
        }
    }
}
