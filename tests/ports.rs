//! Addresses for servers that others know before they are there, or that come back on the address that they had.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

/// Below those that Linux gives to connections and to whoever asks for any port (32768 to 60999 unless set otherwise,
/// ip(7)): one that is free now would be taken by the next connection before its server is there, or while it is away.
const PORTS: Range<u32> = 10_000..32_000;

/// How many lie between the first ones of two processes whose ids follow each other.
const APART: u32 = 997;

/// An address that nobody listens on, and that is not answered again soon.
pub(crate) fn free_address() -> SocketAddr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let many = PORTS.end - PORTS.start;
    for _ in 0..many {
        let turn = process::id().wrapping_mul(APART).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + turn % many).expect("the range lies below 65536");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port in {PORTS:?} is free")
}
