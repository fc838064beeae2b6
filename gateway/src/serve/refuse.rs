//! The answer to a connection for which there is no place. Owns no count.

use std::sync::LazyLock;

use tokio::net::TcpStream;

use crate::error::{OVERLOADED, Refusal};

/// What is said to it: the whole HTTP answer.
static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let json = Refusal::new(OVERLOADED).json();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\nretry-after: 1\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        json.len()
    );
    [head.as_bytes(), &json].concat()
});

/// Says so and lets the connection close. It is given no task and no time: there are too many already.
pub(super) fn refuse(stream: &TcpStream) {
    // What is unread when a socket closes makes the kernel withdraw the answer.
    let _ = stream.try_read(&mut [0; 4096]);
    let _ = stream.try_write(&ANSWER);
    tracing::debug!("a connection was refused: there are too many");
}
