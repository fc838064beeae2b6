//! Reading: what a client says when it catches up with a group or has read it, however it says it. Owns the form of
//! such requests.

use chatroom_kit::auth::Caller;
use chatroom_proto::message::v1::{MarkReadRequest, MarkReadResponse, SyncEventsRequest, SyncEventsResponse};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    event::{self, Event},
    people::People,
};
use crate::{error::Refusal, query, state::Shared};

/// How many events an answer has where the client does not say, and at most.
const EVENTS: (i32, i32) = (200, 500);

/// How far a client knows a group's sequence.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Known {
    /// The group's id.
    #[param(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// The last place in the sequence that the client has seen; 0 for the beginning.
    #[param(minimum = 0, example = 110)]
    after: i64,
    /// The epoch that the client knows; left out where it knows none yet.
    epoch: Option<String>,
    /// How many events at most; 200 where it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i32>,
}

/// Events that a client has not seen.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unseen<'a> {
    /// In order and without a hole.
    events: Vec<Event<'a>>,
    /// The last place in the group's sequence.
    #[schema(minimum = 0, example = 121)]
    head_seq: i64,
    /// Another one than the client knows means that these places are no longer those that it knows: there are no events
    /// then, and what the client holds is to be dropped and read anew.
    #[schema(example = "64e313309054f1bdf19707c2")]
    epoch: &'a str,
    /// Whether more events stand after these.
    more: bool,
}

/// How far the caller has read.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ReadUpTo {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// Everything up to this place in the sequence.
    #[schema(minimum = 0, example = 121)]
    seq: i64,
}

/// Where the caller's cursor stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReadCursor {
    /// Everything up to this place in the sequence is read. It never goes back, nor beyond the last place.
    #[schema(minimum = 0, example = 121)]
    read_seq: i64,
    /// How many messages of others stand after it.
    #[schema(minimum = 0, example = 0)]
    unread: i64,
}

/// Reads the events that a client has not seen. [`Unseen::of`] shows them.
pub(crate) async fn sync(app: &Shared, caller: &Caller, known: Known) -> Result<SyncEventsResponse, Refusal> {
    let page_size = query::limit(known.limit, EVENTS.0, EVENTS.1)?;
    let Known { group, after, epoch, .. } = known;
    let request = SyncEventsRequest { group, after, epoch: epoch.unwrap_or_default(), page_size };
    Ok(app.message().sync_events(caller.request(request)).await?.into_inner())
}

/// Moves the caller's cursor on.
pub(crate) async fn mark_read(app: &Shared, caller: &Caller, read: ReadUpTo) -> Result<ReadCursor, Refusal> {
    let ReadUpTo { group, seq } = read;
    let request = caller.request(MarkReadRequest { group, seq });
    Ok(app.message().mark_read(request).await?.into_inner().into())
}

impl<'a> Unseen<'a> {
    /// The events, with their people taken from `people`.
    pub(crate) fn of(answer: &'a SyncEventsResponse, people: &'a People) -> Self {
        Self {
            events: answer.events.iter().map(|event| Event::of(event, people)).collect(),
            head_seq: answer.head_seq,
            epoch: &answer.epoch,
            more: answer.more,
        }
    }
}

/// Whom events show, by id.
pub(crate) fn people(answer: &SyncEventsResponse) -> impl Iterator<Item = &str> {
    answer.events.iter().flat_map(event::people)
}

impl ReadCursor {
    /// Everything up to this place in the sequence is read.
    pub(crate) fn read_seq(&self) -> i64 {
        self.read_seq
    }
}

impl From<MarkReadResponse> for ReadCursor {
    fn from(answer: MarkReadResponse) -> Self {
        Self { read_seq: answer.read_seq, unread: answer.unread }
    }
}
