//! A client of the gateway's WebSocket.

use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

use crate::world::{SOON, World};

/// An open socket.
pub(crate) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens a socket with further headers.
    pub(crate) async fn open(world: &World, headers: &[(&'static str, &str)]) -> Self {
        let mut request = format!("ws://{}/h5/ws", world.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(world.address).await.unwrap();
        let (stream, _) = timeout(SOON, client_async(request, stream)).await.expect("it opens in time").unwrap();
        Self(stream)
    }

    /// Sends a frame.
    pub(crate) async fn send(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    /// Sends bytes that need not be frames.
    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// The next frame that comes.
    pub(crate) async fn coming(&mut self) -> Value {
        let coming = timeout(SOON, self.0.next()).await.expect("a frame in time").expect("the socket is open").unwrap();
        serde_json::from_str(coming.to_text().unwrap()).unwrap()
    }

    /// The code that the socket is closed with, once what came before has been read.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let closed = async {
            loop {
                if let Message::Close(Some(frame)) = self.0.next().await.expect("a close frame comes first").unwrap() {
                    return frame.code.into();
                }
            }
        };
        timeout(SOON, closed).await.expect("it is closed in time")
    }
}
