//! One who speaks in a room: what they say, and which of their messages are still on their way. Owns no socket.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt::Write as _,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use tokio::sync::Semaphore;

use super::frame;

/// How long each message's text is, in bytes.
const TEXT_SIZE: usize = 100;
/// What it says after its number: what people say, so that it is indexed like that.
const WORDS: &str = "今天下午三点在人民广场的喷泉旁边见面好吗大家呀";
/// The `id` of the first message's frame: that of `connect` comes before.
const FIRST_ID: u64 = 2;

/// One who speaks.
pub(crate) struct Sender {
    group: String,
    /// Which of the room's senders.
    index: usize,
    /// What the messages of this run are called by: none was called so before.
    run: String,
    /// How many messages may still be sent.
    window: Semaphore,
    said: Cell<u64>,
    done: Cell<u64>,
    /// When those were said that are not acknowledged.
    waiting: RefCell<HashMap<u64, Duration>>,
    /// The places of those that are acknowledged or were heard by every member, and not both.
    half_done: RefCell<HashMap<u64, i64>>,
}

/// What a message's text says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// When it was said, on the run's clock.
    pub(crate) said: Duration,
    /// By which of the room's senders.
    pub(crate) sender: usize,
    /// Which of their messages it is.
    pub(crate) number: u64,
}

impl Sender {
    /// One who has said nothing yet, and may have so many messages on their way.
    pub(crate) fn new(group: &str, index: usize, run: u64, window: usize) -> Self {
        Self {
            group: group.to_owned(),
            index,
            run: format!("{run:016x}-{index}"),
            window: Semaphore::new(window),
            said: Cell::new(0),
            done: Cell::new(0),
            waiting: RefCell::default(),
            half_done: RefCell::default(),
        }
    }

    /// Waits until another message may be on its way; answers how many may be.
    pub(crate) async fn may_say(&self) -> anyhow::Result<usize> {
        self.window.acquire().await?.forget();
        Ok(1 + self.window.forget_permits(usize::MAX))
    }

    /// Appends the frame of the next message, said at `at`.
    pub(crate) fn say(&self, at: Duration, frames: &mut Vec<u8>) {
        let number = self.said.replace(self.said.get() + 1);
        self.waiting.borrow_mut().insert(number, at);
        let payload = format!(
            r#"{{"id":{},"type":"send","group":"{}","clientId":"{}-{number}","kind":"text","content":{{"text":"{}"}}}}"#,
            number + FIRST_ID,
            self.group,
            self.run,
            Mark { said: at, sender: self.index, number }.text(),
        );
        frame::write_text(frames, payload.as_bytes());
    }

    /// The message whose frame had the `id` is stored at `seq`; answers for how long that was awaited.
    pub(crate) fn acknowledged(&self, id: u64, seq: i64, now: Duration) -> anyhow::Result<Duration> {
        let said = id.checked_sub(FIRST_ID).and_then(|number| self.waiting.borrow_mut().remove(&number));
        let said = said.with_context(|| format!("frame {id} was acknowledged and was not waiting for it"))?;
        self.half_done(id - FIRST_ID, seq)?;
        Ok(now.saturating_sub(said))
    }

    /// Every member has received a message, at `seq`.
    pub(crate) fn heard(&self, number: u64, seq: i64) -> anyhow::Result<()> {
        self.half_done(number, seq)
    }

    fn half_done(&self, number: u64, seq: i64) -> anyhow::Result<()> {
        let mut half_done = self.half_done.borrow_mut();
        let Some(other) = half_done.remove(&number) else {
            half_done.insert(number, seq);
            return Ok(());
        };
        ensure!(other == seq, "a message was acknowledged as one place and delivered as another: {seq} and {other}");
        self.done.set(self.done.get() + 1);
        self.window.add_permits(1);
        Ok(())
    }

    /// How many messages were said.
    pub(crate) fn said(&self) -> u64 {
        self.said.get()
    }

    /// How many of them are acknowledged and were heard by every member.
    pub(crate) fn done(&self) -> u64 {
        self.done.get()
    }

    /// How the `clientId` of each message begins.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }
}

impl Mark {
    fn text(self) -> String {
        let mut text = String::with_capacity(TEXT_SIZE);
        // Writing to a String cannot fail.
        let _ = write!(text, "{:x} {:x} {:x} {WORDS}", self.said.as_nanos(), self.sender, self.number);
        while text.len() < TEXT_SIZE {
            text.push('.');
        }
        text
    }

    /// Reads it out of a text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        Some(Self {
            said: Duration::from_nanos(number()?),
            sender: usize::try_from(number()?).ok()?,
            number: number()?,
        })
    }
}
