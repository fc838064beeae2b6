//! The frames that clients are sent, as JSON. Owns their form; that of messages and events is `chat`'s.

use bytes::Bytes;
use chatroom_kit::ids::{GroupId, UserId};
use chatroom_proto::message::v1::{self as proto, Conversation, ReadHint, SendMessageResponse, SyncEventsResponse};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{clock::PING_EVERY, frame, request::RequestId};
use crate::{
    chat::{
        event::Event,
        people::People,
        reading::{ReadCursor, Unseen},
    },
    error::Refusal,
    value::{Id, Time},
};

/// About the size of the usual frame: one allocation serves it.
const USUAL_SIZE: usize = 512;

/// A frame; one that answers a request repeats its id.
#[derive(Serialize)]
struct Frame<'a, B> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RequestId>,
    r#type: &'static str,
    #[serde(flatten)]
    body: B,
}

fn json(id: Option<&RequestId>, r#type: &'static str, body: impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(USUAL_SIZE);
    if let Err(error) = serde_json::to_writer(&mut json, &Frame { id, r#type, body }) {
        // No frame of ours has a map with odd keys, and memory does not fail: this is a fault in the code.
        tracing::error!(%error, "a frame cannot be written");
    }
    json
}

fn text(id: Option<&RequestId>, r#type: &'static str, body: impl Serialize) -> Bytes {
    frame::text(&json(id, r#type, body))
}

/// A frame that says nothing beside its type.
#[derive(Serialize)]
struct Nothing {}

/// Someone is connected: their groups, each with the place after which they hear everything.
pub(super) fn connected(id: Option<&RequestId>, user: UserId, groups: &[(&Conversation, i64)], more: bool) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Connected<'a> {
        user: String,
        ping_ms: u32,
        groups: Vec<Standing<'a>>,
        more: bool,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Standing<'a> {
        group: &'a str,
        epoch: &'a str,
        head_seq: i64,
        read_seq: i64,
        unread: i64,
    }
    let groups = groups.iter().filter_map(|(conversation, head_seq)| {
        Some(Standing {
            group: &conversation.group.as_ref()?.id,
            epoch: &conversation.epoch,
            head_seq: *head_seq,
            read_seq: conversation.read_seq,
            unread: conversation.unread,
        })
    });
    let connected = Connected { user: user.to_string(), ping_ms: PING_EVERY * 1000, groups: groups.collect(), more };
    text(id, "connected", connected)
}

/// A message is stored.
pub(super) fn sent(id: Option<&RequestId>, answer: &SendMessageResponse) -> Option<Bytes> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Sent<'a> {
        #[serde(rename = "_id")]
        id: Id<'a>,
        seq: i64,
        created_at: Time,
        duplicate: bool,
    }
    let message = answer.message.as_ref()?;
    let sent = Sent {
        id: Id(&message.id),
        seq: message.seq,
        created_at: message.create_time.into(),
        duplicate: answer.duplicate,
    };
    Some(text(id, "ack", sent))
}

/// A cursor has been moved.
pub(super) fn moved(id: Option<&RequestId>, cursor: &ReadCursor) -> Bytes {
    text(id, "ack", cursor)
}

/// Something is done that has no result.
pub(super) fn done(id: Option<&RequestId>) -> Bytes {
    text(id, "ack", Nothing {})
}

/// Events that a client asked for.
pub(super) fn events(id: Option<&RequestId>, group: &str, answer: &SyncEventsResponse, people: &People) -> Bytes {
    #[derive(Serialize)]
    struct Events<'a> {
        group: &'a str,
        #[serde(flatten)]
        unseen: Unseen<'a>,
    }
    text(id, "events", Events { group, unseen: Unseen::of(answer, people) })
}

/// Something has happened in a group. The JSON alone: several such frames may leave as one piece.
pub(super) fn event(event: &proto::Event, people: &People) -> Vec<u8> {
    json(None, "event", Event::of(event, people))
}

/// Another device of the same user has read.
pub(super) fn read(read: &ReadHint) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Cursor<'a> {
        group: &'a str,
        read_seq: i64,
        unread: i64,
    }
    text(None, "read", Cursor { group: &read.group, read_seq: read.read_seq, unread: read.unread })
}

/// Who is there.
pub(super) fn presence(group: GroupId, online: &[UserId]) -> Bytes {
    #[derive(Serialize)]
    struct Presence {
        group: String,
        online: Vec<String>,
    }
    let online = online.iter().map(ToString::to_string).collect();
    text(None, "presence", Presence { group: group.to_string(), online })
}

/// Somebody is typing.
pub(super) fn typing(group: GroupId, user: UserId) -> Bytes {
    #[derive(Serialize)]
    struct Typing {
        group: String,
        user: String,
    }
    text(None, "typing", Typing { group: group.to_string(), user: user.to_string() })
}

/// Are you there? And this is where groups stand.
pub(super) fn ping(heads: &[(String, i64)]) -> Bytes {
    #[derive(Serialize)]
    struct Ping<'a> {
        heads: Heads<'a>,
    }
    struct Heads<'a>(&'a [(String, i64)]);
    impl Serialize for Heads<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut map = serializer.serialize_map(Some(self.0.len()))?;
            for (group, head) in self.0 {
                map.serialize_entry(group, head)?;
            }
            map.end()
        }
    }
    text(None, "ping", Ping { heads: Heads(heads) })
}

/// A request was not served.
pub(super) fn refused(id: Option<&RequestId>, refusal: &Refusal) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Refused<'a> {
        code: u16,
        reason: &'static str,
        msg: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_ms: Option<u64>,
    }
    let retry_ms = refusal.retry_after().map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX).max(1));
    let refused = Refused { code: refusal.code(), reason: refusal.reason(), msg: refusal.sentence(), retry_ms };
    text(id, "error", refused)
}

/// The server goes away; connect again after a while.
pub(super) fn bye(reason: &'static str, retry_ms: u64) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Bye {
        reason: &'static str,
        retry_ms: u64,
    }
    text(None, "bye", Bye { reason, retry_ms })
}
