//! How many sockets there are, what they are sent and what is kept from them; never by user or group.

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, UpDownCounter},
};

use super::user::Sent;

/// The figures of all sockets.
pub(super) struct Figures {
    sockets: UpDownCounter<i64>,
    closed: Counter<u64>,
    groups: UpDownCounter<i64>,
    frames: Counter<u64>,
    events: Counter<u64>,
    deliveries: Counter<u64>,
    dropped: Counter<u64>,
    reads: Counter<u64>,
}

impl Figures {
    pub(super) fn new() -> Self {
        let meter = global::meter("chatroom");
        Self {
            sockets: meter.i64_up_down_counter("ws.sockets").build(),
            closed: meter.u64_counter("ws.closed").build(),
            groups: meter.i64_up_down_counter("ws.groups").build(),
            frames: meter.u64_counter("ws.frames").build(),
            events: meter.u64_counter("ws.events").build(),
            deliveries: meter.u64_counter("ws.deliveries").build(),
            dropped: meter.u64_counter("ws.dropped").build(),
            reads: meter.u64_counter("ws.reads").build(),
        }
    }

    /// A socket has been opened.
    pub(super) fn opened(&self) {
        self.sockets.add(1, &[]);
    }

    /// A socket is gone, closed by us with a code or by its peer.
    pub(super) fn closed(&self, code: Option<u16>) {
        self.sockets.add(-1, &[]);
        self.closed.add(1, &[KeyValue::new("code", code.map_or(0, i64::from))]);
    }

    /// So many groups more are watched.
    pub(super) fn watches(&self, groups: i64) {
        self.groups.add(groups, &[]);
    }

    /// A client's frame has come, of a type that we know or of none.
    pub(super) fn frame(&self, kind: &'static str) {
        self.frames.add(1, &[KeyValue::new("type", kind)]);
    }

    /// Events have been sent to whoever is a member.
    pub(super) fn delivered(&self, sent: Sent, events: u64) {
        self.events.add(events, &[]);
        self.deliveries.add(sent.deliveries, &[]);
        if sent.dropped > 0 {
            self.dropped.add(sent.dropped, &[KeyValue::new("kind", "slow")]);
        }
    }

    /// Something that nobody misses has been sent, or dropped.
    pub(super) fn passing(&self, sent: bool) {
        if !sent {
            self.dropped.add(1, &[KeyValue::new("kind", "passing")]);
        }
    }

    /// A sequence is read for what no hint has brought.
    pub(super) fn reads(&self) {
        self.reads.add(1, &[]);
    }
}
