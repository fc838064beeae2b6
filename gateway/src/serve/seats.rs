//! How many connections there may be, in all and from one address. Owns no connection.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    address::{TrustedProxies, subscriber},
    config::Settings,
};

/// The places for connections. Clones share them.
#[derive(Clone)]
pub(crate) struct Seats {
    shared: Arc<Shared>,
}

struct Shared {
    in_all: u32,
    per_address: u32,
    /// Many clients come from each of them.
    trusted_proxies: TrustedProxies,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    in_all: u32,
    by_address: HashMap<IpAddr, u32>,
}

impl Seats {
    pub(crate) fn new(settings: &Settings) -> Self {
        let shared = Shared {
            in_all: settings.max_connections.get(),
            per_address: settings.max_connections_per_address.get(),
            trusted_proxies: settings.trusted_proxies.clone(),
            taken: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A place for a connection from `peer`, where there is one.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Seat> {
        let address = (!self.shared.trusted_proxies.contain(peer)).then(|| subscriber(peer));
        let mut taken = self.taken();
        if taken.in_all >= self.shared.in_all {
            return None;
        }
        if let Some(address) = address {
            let by_address = taken.by_address.entry(address).or_default();
            if *by_address >= self.shared.per_address {
                return None;
            }
            *by_address += 1;
        }
        taken.in_all += 1;
        Some(Seat { seats: self.clone(), address })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing can panic between the two counters.
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, free again when this is dropped.
pub(super) struct Seat {
    seats: Seats,
    address: Option<IpAddr>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken();
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
