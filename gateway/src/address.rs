//! Where a request comes from: the peer's address, or the one that a trusted proxy names. No header of a client's own
//! counts.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, request::Parts};
use ipnet::IpNet;

use crate::{config::list, error::Refusal, state::App};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of the connection, as an extension of its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

impl Peer {
    /// The peer of a request; one that came over no connection has none.
    pub(crate) fn of(extensions: &http::Extensions) -> IpAddr {
        extensions.get::<Self>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0)
    }
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

/// The text is not a list of addresses and networks.
#[derive(Debug, thiserror::Error)]
#[error("{0} is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        list(text)
            .map(|text| network(text).ok_or_else(|| NotANetwork(text.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn network(text: &str) -> Option<IpNet> {
    text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

impl TrustedProxies {
    /// Whether `address` is one of them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request that came from `peer`: the header is walked from the right, where the nearest proxy has
    /// written, for as long as those who wrote are trusted.
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for hop in hops(headers) {
            if !self.contain(client) {
                break;
            }
            match hop {
                Some(address) => client = address,
                // What a proxy could not say is not believed, nor is what stands before it.
                None => break,
            }
        }
        client
    }
}

/// The addresses in `X-Forwarded-For`, last first; none where one is unreadable.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    headers.get_all(FORWARDED_FOR).iter().rev().flat_map(|value| {
        let text = value.to_str().unwrap_or("unreadable");
        text.rsplit(',').map(|hop| hop.trim().parse().ok().map(|address: IpAddr| address.to_canonical()))
    })
}

/// The client's address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address that a request comes from.
    pub(crate) fn of(app: &App, extensions: &http::Extensions, headers: &HeaderMap) -> Self {
        Self(app.trusted_proxies.client(Peer::of(extensions), headers))
    }

    /// What limits count by. An IPv6 address stands for its /64: one subscriber is given all of it.
    pub(crate) fn subscriber(self) -> IpAddr {
        subscriber(self.0)
    }
}

/// What connections and limits of `address` are counted under.
pub(crate) fn subscriber(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        Ok(Self::of(app, &parts.extensions, &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&'static str]) -> String {
        let proxies: TrustedProxies = "10.0.0.0/8, 127.0.0.1,fd00::/8".parse().unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, http::HeaderValue::from_static(value));
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn a_stranger_cannot_name_itself() {
        assert_eq!(client("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn the_last_address_that_no_trusted_proxy_has_is_the_clients() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["6.6.6.6, 198.51.100.1, 10.1.2.3"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["6.6.6.6", "198.51.100.1", "10.1.2.3"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("fd00::1", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn without_a_readable_address_the_nearest_known_one_counts() {
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1, nonsense"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["198.51.100.1, nonsense, 10.1.2.3"]), "10.1.2.3");
        assert_eq!(client("127.0.0.1", &["10.9.9.9, 10.1.2.3"]), "10.9.9.9");
    }

    #[test]
    fn an_ipv6_subscriber_is_a_whole_64() {
        let subscriber = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(subscriber("2001:db8::1"), subscriber("2001:db8::ffff:2"));
        assert_ne!(subscriber("2001:db8::1"), subscriber("2001:db8:0:1::1"));
        assert_ne!(subscriber("203.0.113.7"), subscriber("203.0.113.8"));
    }

    #[test]
    fn a_list_of_networks_may_be_empty_but_not_wrong() {
        assert!("".parse::<TrustedProxies>().is_ok());
        assert!("10.0.0.0/8,example.com".parse::<TrustedProxies>().is_err());
    }
}
