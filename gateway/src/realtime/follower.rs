//! Follows one group for as long as members of it are here: hears the hints about it, reads its sequence, and delivers
//! every event once, in order and without a hole. A hint may be late, doubled, out of order or lost; what is delivered
//! depends on the sequence alone. Owns the reading.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use chatroom_kit::bus::{Hints, Subject};
use chatroom_proto::message::v1::{Event, GroupHint, event::Change};
use prost::Message as _;
use tonic::Code;

use super::{
    frame,
    hub::Hub,
    reply,
    room::{Effect, Piece, Room},
};
use crate::chat::people::People;

/// The shortest and the longest pause after the sequence could not be read; it doubles in between.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How many bytes of events leave as one piece.
const PIECE: usize = 32 << 10;

/// Follows the group of `room`; ends by being aborted.
pub(super) async fn follow(hub: Arc<Hub>, room: Arc<Room>) {
    let follower = Follower { hub, room };
    let mut hints = follower.subscribe().await;
    follower.hub.listens(&follower.room);
    loop {
        tokio::select! {
            hint = next(&mut hints) => follower.take(&hint).await,
            () = follower.room.news() => {}
        }
        follower.catch_up().await;
    }
}

async fn next(hints: &mut Hints) -> Bytes {
    match hints.next().await {
        Some(hint) => hint,
        // The bus is gone for good: what is left is the regular look at the heads.
        None => pending().await,
    }
}

struct Follower {
    hub: Arc<Hub>,
    room: Arc<Room>,
}

impl Follower {
    /// Listens to the group. That may take long, while the bus is away; the sequence is read meanwhile.
    async fn subscribe(&self) -> Hints {
        let mut subscribing = pin!(self.hub.bus.subscribe(Subject::Group(self.room.group)));
        loop {
            tokio::select! {
                hints = &mut subscribing => return hints,
                () = self.room.news() => self.catch_up().await,
            }
        }
    }

    /// Takes a hint: its events, where they are the next ones; else what it says of the head.
    async fn take(&self, hint: &[u8]) {
        let Ok(GroupHint { group, epoch, head_seq, mut events }) = GroupHint::decode(hint) else {
            tracing::warn!(group.id = %self.room.group, "hint unreadable");
            return;
        };
        if group != self.room.group.to_string() {
            return;
        }
        let position = self.room.position();
        events.retain(|event| event.seq > position);
        if self.room.is_of(&epoch) && self.room.behind().is_none() && follow_each_other(position, &events) {
            self.deliver(events).await;
        }
        self.room.note(&epoch, head_seq);
    }

    /// Reads the sequence until everything is delivered that is known of.
    async fn catch_up(&self) {
        let mut pause = PAUSES.0;
        while let Some(position) = self.room.behind() {
            if self.read(position).await {
                pause = PAUSES.0;
            } else {
                tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
                pause = (pause * 2).min(PAUSES.1);
            }
        }
        let dismissed = self.room.dismiss_absent();
        if dismissed > 0 {
            tracing::warn!(group.id = %self.room.group, dismissed, "members gone without an event");
        }
        self.hub.close_if_empty(&self.room);
    }

    /// Reads the sequence once; false where it could not be.
    async fn read(&self, position: i64) -> bool {
        self.hub.figures.reads();
        let read = match self.hub.source.events(self.room.group, position).await {
            Ok(read) => read,
            Err(status) => {
                // A group is never deleted, but a database may be restored to before it was opened.
                let gone = status.code() == Code::NotFound;
                tracing::warn!(group.id = %self.room.group, code = ?status.code(), gone, "events cannot be read");
                return false;
            }
        };
        if !self.room.settle(&read.epoch, read.head_seq) {
            tracing::warn!(group.id = %self.room.group, epoch = read.epoch, "another epoch");
            return true;
        }
        if !follow_each_other(position, &read.events) {
            tracing::error!(group.id = %self.room.group, after = position, "the sequence has a hole");
            return false;
        }
        let read_on = !read.events.is_empty() || read.head_seq <= position;
        self.deliver(read.events).await;
        read_on
    }

    async fn deliver(&self, events: Vec<Event>) {
        let people = self.hub.source.people(&events).await;
        for piece in self.pieces(&events, &people) {
            let sent = self.room.deliver(&piece, self.hub.beats.now());
            self.hub.figures.delivered(sent, piece.count);
        }
    }

    /// Events as they leave: each encoded once for all who are sent it, as many together as do nothing to the membership.
    fn pieces(&self, events: &[Event], people: &People) -> Vec<Piece> {
        let mut pieces: Vec<(Vec<u8>, Piece)> = Vec::new();
        for event in events {
            let effect = self.effect(event);
            let alone = !matches!(effect, Effect::None);
            let open = pieces
                .last_mut()
                .filter(|(frames, piece)| !alone && matches!(piece.effect, Effect::None) && frames.len() < PIECE);
            let json = reply::event(event, people);
            if let Some((frames, piece)) = open {
                frame::append_text(&json, frames);
                (piece.count, piece.last) = (piece.count + 1, event.seq);
            } else {
                let mut frames = Vec::new();
                frame::append_text(&json, &mut frames);
                pieces.push((frames, Piece { frames: Bytes::new(), count: 1, last: event.seq, effect }));
            }
        }
        pieces.into_iter().map(|(frames, piece)| Piece { frames: frames.into(), ..piece }).collect()
    }

    fn effect(&self, event: &Event) -> Effect {
        let gone = |user: &str| user.parse().map_or(Effect::None, Effect::Gone);
        match &event.change {
            Some(Change::Joined(joined)) => {
                let user = joined.user.parse().ok().and_then(|user| self.hub.user(&user));
                user.map_or(Effect::None, Effect::Joined)
            }
            Some(Change::Left(left)) => gone(&left.user),
            Some(Change::Removed(removed)) => gone(&removed.user),
            _ => Effect::None,
        }
    }
}

/// Whether there are events, and they are the next ones after a place, without a hole.
fn follow_each_other(place: i64, events: &[Event]) -> bool {
    events.iter().zip(place + 1..).all(|(event, seq)| event.seq == seq)
}
