//! The address that a login comes from, as far as failures are counted by it.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

use chatroom_kit::error::{Invalid, Problem};

/// Where a login comes from. An IPv6 address stands for its /64, which one subscriber is given whole: whoever holds it
/// could otherwise try from as many addresses as there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(Option<IpAddr>);

impl Address {
    /// Checks the request field `client_address`; an empty one is an address of its own.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        let address: IpAddr = text.parse().map_err(|_| Invalid::new("client_address", Problem::Malformed))?;
        Ok(Self(Some(network(address))))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address @ IpAddr::V6(_)) => write!(formatter, "{address}/64"),
            Some(address @ IpAddr::V4(_)) => write!(formatter, "{address}"),
            None => formatter.write_str("unknown"),
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn neighbours_are_told_apart_as_far_as_they_are_others() {
        assert_ne!(parsed("203.0.113.7"), parsed("203.0.113.8"));
        assert_eq!(parsed("203.0.113.7"), parsed("::ffff:203.0.113.7"));
        assert_eq!(parsed("2001:db8::1"), parsed("2001:db8::ffff:2"));
        assert_ne!(parsed("2001:db8::1"), parsed("2001:db8:0:1::1"));
        assert_ne!(parsed(""), parsed("203.0.113.7"));
    }

    #[test]
    fn anything_else_is_malformed() {
        for text in ["example.com", "203.0.113.7:80", "203.0.113", " "] {
            assert!(Address::parse(text).is_err(), "{text:?}");
        }
    }
}
