//! What becomes of pages when an account is deleted: its owner is in none any more and serves none. When that happens is
//! the user service's to say.

use chatroom_kit::{
    clock::Clock,
    deletions::{Deletion, TakeAway},
};
use tonic::Status;

use crate::{error::Error, store::Store};

/// Takes deleted users out of pages.
pub(crate) struct Deleted {
    store: Store,
    clock: Clock,
}

impl Deleted {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }
}

impl TakeAway for Deleted {
    async fn take_away(&self, deletion: &Deletion) -> Result<(), Status> {
        let user = deletion.user;
        for page in self.store.served_by(user).await.map_err(Error::from)? {
            self.store.set_serving(page, user, false, self.clock.now()).await?;
        }
        for page in self.store.pages_of(user).await.map_err(Error::from)? {
            self.store.remove_deleted(user, page, self.clock.now()).await?;
        }
        Ok(())
    }
}
