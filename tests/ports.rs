//! Addresses for servers that others know before they are there, or that come back on the address that they had.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Range,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Below those that Linux gives to connections and to whoever asks for any port (32768 to 60999 unless set otherwise,
/// ip(7)): one that is free now would be taken by the next connection before its server is there, or while it is away.
const PORTS: Range<u16> = 10_000..32_000;

/// An address that nobody listens on, and that is not answered again soon.
pub(crate) fn free_address() -> SocketAddr {
    // Most likely not where tests begin that run beside these.
    static NEXT: LazyLock<AtomicUsize> = LazyLock::new(|| AtomicUsize::new(rand::random_range(0..PORTS.len())));
    for _ in PORTS {
        let turn = NEXT.fetch_add(1, Ordering::Relaxed) % PORTS.len();
        let port = PORTS.clone().nth(turn).expect("it is one of them");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port in {PORTS:?} is free")
}
