//! What a peer cannot do to the gateway by what it writes on a socket.

use crate::{services::Services, socket::Socket, world::World};

/// An empty ping, as a client sends it.
const PING: [u8; 6] = [0x89, 0x80, 0, 0, 0, 0];
/// A text that is not masked, which a client's must be (RFC 6455, section 5.1).
const UNMASKED: [u8; 3] = [0x81, 0x01, b'a'];

/// On threads of its own: a gateway that is held up holds up the clock, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_after_many_pings_closes_the_socket_and_holds_nobody_up() {
    let world = World::new(Services::default()).await;
    // More than a task may read and write in one turn.
    let bytes = [PING.repeat(300), UNMASKED.to_vec()].concat();
    let mut socket = Socket::open(&world, &[]).await;
    socket.send_bytes(&bytes).await;
    assert_eq!(socket.close_code().await, 1002);
}
