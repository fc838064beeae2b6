//! Places that are taken and given back: so many in all, and so many for one address. Owns nothing that takes one.

use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Full {
    /// The address has all that one may have.
    #[error("the address has all the places that one may have")]
    Address,
    /// None is left for anybody.
    #[error("all places are taken")]
    InAll,
}

/// A number of places. Clones share them.
#[derive(Clone)]
pub(crate) struct Places {
    shared: Arc<Shared>,
}

struct Shared {
    in_all: u32,
    per_address: u32,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    in_all: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl Places {
    pub(crate) fn new(in_all: NonZeroU32, per_address: NonZeroU32) -> Self {
        let shared = Shared { in_all: in_all.get(), per_address: per_address.get(), taken: Mutex::default() };
        Self { shared: Arc::new(shared) }
    }

    /// A place, where there is one; for nobody's address, any that is left. An address that has its own is told so even
    /// where all are taken: it is what has to wait.
    pub(crate) fn take(&self, address: Option<IpAddr>) -> Result<Place, Full> {
        let mut taken = self.taken();
        let has = address.and_then(|address| taken.by_address.get(&address)).copied().unwrap_or_default();
        if has >= self.shared.per_address {
            return Err(Full::Address);
        }
        if taken.in_all >= self.shared.in_all {
            return Err(Full::InAll);
        }
        if let Some(address) = address {
            taken.by_address.insert(address, has + 1);
        }
        taken.in_all += 1;
        Ok(Place { places: self.clone(), address })
    }

    /// How many places are taken.
    pub(crate) fn in_use(&self) -> u32 {
        self.taken().in_all
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing can panic between the two counters.
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place, free again when this is dropped.
pub(crate) struct Place {
    places: Places,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.in_all -= 1;
        let Some(address) = self.address else {
            return;
        };
        if let Some(by_address) = taken.by_address.get_mut(&address) {
            *by_address -= 1;
            if *by_address == 0 {
                taken.by_address.remove(&address);
            }
        }
    }
}
