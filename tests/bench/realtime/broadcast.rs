//! The limit of the chat: the least that could tell a room what was said. A bare axum WebSocket handler writes the
//! product's frame of a message once and broadcasts it; nothing is stored, nobody's token is verified, nothing has a
//! limit. Whose room it is stands in a table that is filled at the start.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::Context as _;
use axum::{
    Router,
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, Utf8Bytes, WebSocket},
    },
    response::Response,
    routing,
    serve::ListenerExt as _,
};
use chatroom_kit::clock::Clock;
use chrono::SecondsFormat;
use futures::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Mutex, broadcast},
};

use super::options::BroadcastOptions;

/// How many messages may wait for a slow member: more than are ever on their way.
const WAITING: usize = 4096;
/// What is read from a socket at once; axum's default, 128 KiB, is what an idle socket would cost.
const READ_SIZE: usize = 4 << 10;

/// A member's room, by the member's token.
type Rooms = HashMap<String, Arc<Room>>;

/// A room and those who listen.
struct Room {
    id: String,
    head: AtomicI64,
    /// Held while a message gets its place and is told, so that all hear the same order.
    told: Mutex<broadcast::Sender<Utf8Bytes>>,
}

/// What a client sends.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Incoming {
    Connect {
        token: String,
    },
    Send {
        id: u64,
        #[serde(rename = "clientId")]
        client_id: String,
        content: Content,
    },
}

#[derive(Deserialize)]
struct Content {
    text: String,
}

/// Serves until the process is killed.
pub(crate) async fn serve(options: BroadcastOptions) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let text = std::fs::read_to_string(&options.members).context("the members cannot be read")?;
    let router = Router::new().route("/h5/ws", routing::get(open)).with_state(Arc::new(rooms(&text)));
    // The line the harness waits for, as the product writes it.
    eprintln!(r#"{{"message":"listening","address":"{}"}}"#, listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // A socket that cannot be told is slower, and that is all.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}

/// Reads lines of a token and the id of a room.
fn rooms(text: &str) -> Rooms {
    let mut by_id = HashMap::new();
    let lines = text.lines().filter_map(|line| line.split_once(' '));
    lines
        .map(|(token, id)| (token.to_owned(), by_id.entry(id).or_insert_with(|| Arc::new(Room::new(id))).clone()))
        .collect()
}

async fn open(State(rooms): State<Arc<Rooms>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.read_buffer_size(READ_SIZE).on_upgrade(async move |socket| {
        // A client that went away is no concern of the limit's.
        let _ = attend(socket, &rooms).await;
    })
}

/// One member's socket, from `connect` on.
async fn attend(mut socket: WebSocket, rooms: &Rooms) -> Result<(), axum::Error> {
    let Some(Ok(Message::Text(text))) = socket.recv().await else {
        return Ok(());
    };
    let Ok(Incoming::Connect { token }) = serde_json::from_str(&text) else {
        return Ok(());
    };
    let Some(room) = rooms.get(&token).cloned() else {
        return Ok(());
    };
    let (mut hears, head) = room.enter().await;
    let groups = json!([{"group": room.id, "headSeq": head}]);
    let connected = json!({"id": 1, "type": "connected", "groups": groups, "more": false});
    socket.send(Message::text(connected.to_string())).await?;
    let (mut sink, mut stream) = socket.split();
    loop {
        tokio::select! {
            said = stream.next() => {
                let Some(Message::Text(text)) = said.transpose()? else { return Ok(()) };
                if let Ok(Incoming::Send { id, client_id, content }) = serde_json::from_str(&text) {
                    sink.feed(Message::text(room.say(id, &client_id, &content.text).await)).await?;
                }
            }
            frame = hears.recv() => {
                let Ok(frame) = frame else { return Ok(()) };
                sink.feed(Message::Text(frame)).await?;
            }
        }
        // Whatever else waits leaves with it, in one system call.
        while let Ok(frame) = hears.try_recv() {
            sink.feed(Message::Text(frame)).await?;
        }
        sink.flush().await?;
    }
}

impl Room {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), head: AtomicI64::new(0), told: Mutex::new(broadcast::Sender::new(WAITING)) }
    }

    /// Everything that is said after the answered place.
    async fn enter(&self) -> (broadcast::Receiver<Utf8Bytes>, i64) {
        let told = self.told.lock().await;
        (told.subscribe(), self.head.load(Ordering::Relaxed))
    }

    /// Tells the room what was said; answers the acknowledgement.
    async fn say(&self, id: u64, client_id: &str, text: &str) -> String {
        let told = self.told.lock().await;
        let seq = self.head.fetch_add(1, Ordering::Relaxed) + 1;
        let now = Clock::system().now().to_rfc3339_opts(SecondsFormat::Millis, true);
        let message_id = format!("{seq:024x}");
        let event = json!({
            "type": "event", "group": self.id, "epoch": self.id, "seq": seq, "createdAt": now, "kind": "message",
            "message": {
                "_id": message_id, "group": self.id, "seq": seq,
                "user": {"_id": self.id, "username": "bench-1000", "nickname": "", "avatar": ""},
                "clientId": client_id, "kind": "text", "content": {"text": text}, "replyTo": null, "mentions": [],
                "recalled": false, "editedAt": null, "__v": 0, "createdAt": now, "updatedAt": now,
            },
        });
        // A room that everybody has left hears nothing.
        let _ = told.send(event.to_string().into());
        json!({"id": id, "type": "ack", "_id": message_id, "seq": seq, "createdAt": now, "duplicate": false})
            .to_string()
    }
}
