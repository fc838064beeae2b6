//! How many connections there may be, in all and from one address. Owns no connection.

use std::net::IpAddr;

use crate::{
    address::{TrustedProxies, subscriber},
    config::Settings,
    places::{Place, Places},
};

/// The places for connections.
pub(crate) struct Seats {
    places: Places,
    /// Many clients come from each of them.
    trusted_proxies: TrustedProxies,
}

/// A connection's place.
pub(super) type Seat = Place;

impl Seats {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            places: Places::new(settings.max_connections, settings.max_connections_per_address),
            trusted_proxies: settings.trusted_proxies.clone(),
        }
    }

    /// A place for a connection from `peer`, where there is one.
    pub(super) fn take(&self, peer: IpAddr) -> Option<Seat> {
        self.places.take((!self.trusted_proxies.contain(peer)).then(|| subscriber(peer))).ok()
    }
}
