//! A member of a room on a socket: listens, checks what comes, and answers pings.

use std::{cell::RefCell, rc::Rc, time::Duration};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

use super::{
    figures::Figures,
    frame::{self, Frame},
    ledger::{Event, Ledger},
    sender::Sender,
    socket::Socket,
};

/// What a socket is read into, one at a time.
pub(crate) type Buffer = Rc<RefCell<Box<[u8]>>>;

/// What one member has received.
pub(crate) struct Member {
    ledger: Rc<RefCell<Ledger>>,
    sender: Option<Rc<Sender>>,
    figures: Rc<Figures>,
    /// The place that comes next.
    next: i64,
    /// What waits to be sent.
    outgoing: Vec<u8>,
}

/// A frame of the server's, as far as it is looked at.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Incoming {
    Event(Event),
    Ack { id: u64, seq: i64, duplicate: bool },
    Ping {},
}

impl Member {
    /// One who has received everything up to `head`.
    pub(crate) fn new(
        ledger: Rc<RefCell<Ledger>>,
        sender: Option<Rc<Sender>>,
        figures: Rc<Figures>,
        head: i64,
    ) -> Self {
        Self { ledger, sender, figures, next: head + 1, outgoing: Vec::new() }
    }

    /// Listens until something is wrong, and says what.
    pub(crate) async fn listen(mut self, mut socket: Socket, buffer: Buffer) -> anyhow::Error {
        let writer = socket.writer();
        loop {
            let heard = async {
                socket.wait().await?;
                let now = self.figures.now();
                socket.read(&mut buffer.borrow_mut(), |frame| self.take(frame, now))?;
                if !self.outgoing.is_empty() {
                    writer.write(&self.outgoing).await?;
                    self.outgoing.clear();
                }
                anyhow::Ok(())
            };
            if let Err(error) = heard.await {
                return error;
            }
        }
    }

    fn take(&mut self, frame: Frame<'_>, now: Duration) -> anyhow::Result<()> {
        let Frame::Text(text) = frame else {
            return answer(frame, &mut self.outgoing);
        };
        let known = self.ledger.borrow_mut().receive(self.next, text)?;
        if let Some(said) = known {
            self.delivered(said, text, now);
            return Ok(());
        }
        let incoming = serde_json::from_slice(text)
            .with_context(|| format!("a frame came that was not expected: {}", String::from_utf8_lossy(text)))?;
        match incoming {
            Incoming::Event(event) => {
                let said = self.ledger.borrow_mut().receive_first(self.next, text, &event)?;
                self.delivered(said, text, now);
            }
            Incoming::Ack { id, seq, duplicate } => {
                ensure!(!duplicate, "a new message was taken for one that was there");
                let sender = self.sender.as_ref().context("someone who sent nothing was acknowledged")?;
                self.figures.acknowledged(sender.acknowledged(id, seq, now)?);
            }
            Incoming::Ping {} => write_pong(&mut self.outgoing),
        }
        Ok(())
    }

    fn delivered(&mut self, said: Duration, text: &[u8], now: Duration) {
        self.next += 1;
        self.figures.delivered(now.saturating_sub(said), text.len());
    }
}

/// Answers the chat's own ping.
pub(crate) fn write_pong(outgoing: &mut Vec<u8>) {
    frame::write_text(outgoing, br#"{"type":"pong"}"#);
}

/// Answers a frame that is no text.
pub(crate) fn answer(frame: Frame<'_>, outgoing: &mut Vec<u8>) -> anyhow::Result<()> {
    match frame {
        Frame::Ping(payload) => frame::write_pong(outgoing, payload),
        Frame::Pong | Frame::Text(_) => {}
        Frame::Close(payload) => {
            let (code, reason) = payload.split_at_checked(2).unwrap_or_default();
            let code = code.first_chunk().map_or(0, |code| u16::from_be_bytes(*code));
            bail!("the server closed a socket: {code} {}", String::from_utf8_lossy(reason));
        }
    }
    Ok(())
}
