//! One WebSocket of the chat, frame by frame: says what it is told to and shows what comes. Pings are answered as they are
//! looked at. Resumes nothing; that is `chat_client`'s.

use std::{collections::VecDeque, net::SocketAddr, time::Duration};

use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes, client::IntoClientRequest as _, protocol::frame::coding::CloseCode},
};

use crate::process::PATIENCE;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: Stream,
    /// What has come and was not looked at yet.
    waiting: VecDeque<Value>,
    next_id: i64,
    answers_pings: bool,
    /// The subprotocol that the server has selected.
    pub protocol: Option<String>,
}

/// What comes next on a socket.
#[derive(Clone, Debug, PartialEq)]
pub enum Coming {
    /// A frame.
    Frame(Value),
    /// The server has closed, with this code, or with none where the connection broke.
    Closed(Option<u16>),
}

/// The server does not open a socket.
#[derive(Debug)]
pub struct NotOpened {
    /// The HTTP status; none where there is no server.
    pub status: Option<StatusCode>,
    /// The envelope.
    pub envelope: Value,
}

impl Socket {
    /// Opens a socket that nobody has signed in on, with further headers.
    pub async fn open(base: &str, headers: &[(HeaderName, &str)]) -> Result<Self, NotOpened> {
        Self::open_at(&format!("{base}/h5/ws"), headers).await
    }

    /// The same at any address.
    pub async fn open_at(address: &str, headers: &[(HeaderName, &str)]) -> Result<Self, NotOpened> {
        let url = address.replacen("http", "ws", 1);
        let mut request = url.into_client_request().expect("an address can be asked");
        for (name, value) in headers {
            request.headers_mut().append(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        Self::shaken_hands(tokio_tungstenite::connect_async(request).await)
    }

    /// A socket whose kernel takes in as little as it can: one that is not read soon takes nothing more.
    pub async fn open_narrow(address: SocketAddr) -> Result<Self, NotOpened> {
        let socket = TcpSocket::new_v4().expect("a socket can be made");
        socket.set_recv_buffer_size(4096).expect("a buffer can be small");
        let stream = socket.connect(address).await.expect("the server listens");
        let request = format!("ws://{address}/h5/ws").into_client_request().expect("an address can be asked");
        Self::shaken_hands(tokio_tungstenite::client_async(request, MaybeTlsStream::Plain(stream)).await)
    }

    fn shaken_hands(
        outcome: tungstenite::Result<(Stream, http::Response<Option<Vec<u8>>>)>,
    ) -> Result<Self, NotOpened> {
        match outcome {
            Ok((stream, answer)) => {
                let protocol = answer.headers().get("sec-websocket-protocol");
                let protocol = protocol.and_then(|protocol| protocol.to_str().ok()).map(str::to_owned);
                Ok(Self { stream, waiting: VecDeque::new(), next_id: 1, answers_pings: true, protocol })
            }
            Err(tungstenite::Error::Http(answer)) => {
                let body = answer.body().as_deref().unwrap_or_default();
                let envelope = serde_json::from_slice(body).unwrap_or(Value::Null);
                Err(NotOpened { status: Some(answer.status()), envelope })
            }
            Err(_) => Err(NotOpened { status: None, envelope: Value::Null }),
        }
    }

    /// Opens a socket and signs in; answers it with what it was told.
    pub async fn connect(base: &str, token: &str) -> (Self, Value) {
        let mut socket = Self::open(base, &[]).await.expect("a socket opens");
        let connected = socket.request(json!({"type": "connect", "token": token})).await;
        assert_eq!(connected["type"], "connected", "{connected}");
        (socket, connected)
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(frame.to_string()).await;
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send_message(Message::Text(text.into().into())).await;
    }

    /// Sends anything. That the server has closed meanwhile shows in what comes.
    pub async fn send_message(&mut self, message: Message) {
        let _ = self.stream.send(message).await;
    }

    /// Sends a request under an id of its own and answers the answer. What comes in between stays to be looked at.
    pub async fn request(&mut self, mut request: Value) -> Value {
        let id = json!(self.fresh_id());
        request["id"] = id.clone();
        self.send(&request).await;
        let mut others = VecDeque::new();
        loop {
            match self.coming().await {
                Coming::Frame(frame) if frame["id"] == id => {
                    others.append(&mut self.waiting);
                    self.waiting = others;
                    return frame;
                }
                Coming::Frame(frame) => others.push_back(frame),
                Coming::Closed(code) => panic!("closed with {code:?} in place of an answer to {request}"),
            }
        }
    }

    /// An id that no request has had.
    pub fn fresh_id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    /// Sends a text to a group.
    pub async fn say(&mut self, group: &str, client_id: &str, words: &str) -> Value {
        let content = json!({"text": words});
        self.request(json!({"type": "send", "group": group, "clientId": client_id, "kind": "text", "content": content}))
            .await
    }

    /// What comes next.
    pub async fn coming(&mut self) -> Coming {
        self.coming_within(PATIENCE).await.expect("something comes in time")
    }

    /// What comes next, where something does.
    pub async fn coming_within(&mut self, patience: Duration) -> Option<Coming> {
        if let Some(frame) = self.waiting.pop_front() {
            return Some(Coming::Frame(frame));
        }
        timeout(patience, self.receive()).await.ok()
    }

    /// The text of the next frame, for those who make no [`Self::request`] and answer pings themselves; none where nothing
    /// comes any more, or not in time.
    pub async fn text_within(&mut self, patience: Duration) -> Option<Utf8Bytes> {
        timeout(patience, self.receive_text()).await.ok()?.ok()
    }

    /// Answers no ping from now on, as one whose network is gone.
    pub fn play_dead(&mut self) {
        self.answers_pings = false;
    }

    async fn receive(&mut self) -> Coming {
        match self.receive_text().await {
            Ok(text) => {
                let frame = serde_json::from_str::<Value>(&text);
                let frame = frame.unwrap_or_else(|error| panic!("no JSON ({error}): {text}"));
                if self.answers_pings && frame["type"] == "ping" {
                    self.send(&json!({"type": "pong"})).await;
                }
                Coming::Frame(frame)
            }
            Err(code) => Coming::Closed(code),
        }
    }

    /// The next text, or the code with which the server has closed.
    async fn receive_text(&mut self) -> Result<Utf8Bytes, Option<u16>> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text),
                Some(Ok(Message::Close(close))) => {
                    let code = close.map(|close| u16::from(close.code));
                    return Err(code.filter(|code| *code != u16::from(CloseCode::Status)));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next frame that `wanted` accepts; those before it are passed over.
    pub async fn wait_for(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            match self.coming().await {
                Coming::Frame(frame) if wanted(&frame) => return frame,
                Coming::Frame(_) => {}
                Coming::Closed(code) => panic!("closed with {code:?} in place of what was awaited"),
            }
        }
    }

    /// The next event of any group.
    pub async fn event(&mut self) -> Value {
        self.wait_for(|frame| frame["type"] == "event").await
    }

    /// The code with which the server closes, and the frames before that.
    pub async fn closed(&mut self) -> (Option<u16>, Vec<Value>) {
        let mut frames = Vec::new();
        loop {
            match self.coming_within(2 * PATIENCE).await.expect("the server closes in time") {
                Coming::Frame(frame) => frames.push(frame),
                Coming::Closed(code) => return (code, frames),
            }
        }
    }

    /// Everything but pings, which come when they like, until an answer to a request that changes nothing: what was sent
    /// before it has come.
    pub async fn settled(&mut self, group: &str) -> Vec<Value> {
        let answer = self.request(json!({"type": "unwatch", "group": group})).await;
        assert_eq!(answer["type"], "ack", "{answer}");
        self.waiting.drain(..).filter(|frame| frame["type"] != "ping").collect()
    }

    /// Closes as a client does that leaves, and waits until it is done.
    pub async fn leave(mut self) -> Option<u16> {
        let _ = self.stream.close(None).await;
        self.closed().await.0
    }
}
