//! What a room's members must receive: every event once, the same for all, in the order of the sequence. A frame is read
//! once, by the member who receives it first; the others compare bytes, which is cheaper and says more.

use std::{collections::VecDeque, rc::Rc, time::Duration};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

use super::sender::{Mark, Sender};

/// What a room's members have received and what they have not.
pub(crate) struct Ledger {
    group: String,
    members: usize,
    senders: Vec<Rc<Sender>>,
    /// The place of the first of `events`.
    first: i64,
    /// Those that some members have received and others not, in order.
    events: VecDeque<Told>,
}

struct Told {
    frame: Box<[u8]>,
    mark: Mark,
    /// How many members have received it.
    by: usize,
}

/// An event, as far as it is looked at.
#[derive(Deserialize)]
pub(crate) struct Event {
    group: String,
    /// Its place in the sequence.
    pub(crate) seq: i64,
    message: Option<Message>,
}

#[derive(Deserialize)]
struct Message {
    content: Content,
}

#[derive(Deserialize)]
struct Content {
    text: String,
}

impl Ledger {
    /// A room in which so many members listen, and nothing was said after `head`.
    pub(crate) fn new(group: &str, head: i64, members: usize, senders: Vec<Rc<Sender>>) -> Self {
        Self { group: group.to_owned(), members, senders, first: head + 1, events: VecDeque::new() }
    }

    /// A member who has received everything before `seq` receives `frame`. Answers when its message was said; nothing
    /// where it is not the frame that others have received as `seq`.
    pub(crate) fn receive(&mut self, seq: i64, frame: &[u8]) -> anyhow::Result<Option<Duration>> {
        let told = usize::try_from(seq - self.first).ok().and_then(|index| self.events.get_mut(index));
        let Some(told) = told.filter(|told| *told.frame == *frame) else {
            return Ok(None);
        };
        told.by += 1;
        let said = told.mark.said;
        self.forget_what_all_know()?;
        Ok(Some(said))
    }

    /// A member who has received everything before `seq` receives `event` in `frame`, before anyone else.
    pub(crate) fn receive_first(&mut self, seq: i64, frame: &[u8], event: &Event) -> anyhow::Result<Duration> {
        ensure!(event.group == self.group, "an event of another group came");
        ensure!(event.seq == seq, "the event {} came where {seq} was next", event.seq);
        let next = self.first + i64::try_from(self.events.len())?;
        ensure!(seq == next, "members received different events as {seq}");
        let text = event.message.as_ref().map(|message| message.content.text.as_str());
        let mark = text.and_then(Mark::read).with_context(|| format!("the event {seq} is none that anybody caused"))?;
        self.events.push_back(Told { frame: frame.into(), mark, by: 1 });
        self.forget_what_all_know()?;
        Ok(mark.said)
    }

    fn forget_what_all_know(&mut self) -> anyhow::Result<()> {
        while let Some(told) = self.events.pop_front_if(|told| told.by == self.members) {
            let sender = self.senders.get(told.mark.sender).context("a message came that nobody sent")?;
            sender.heard(told.mark.number, self.first)?;
            self.first += 1;
        }
        Ok(())
    }
}
