//! WebSocket frames as bytes (RFC 6455, section 5): what a client sends, and where a server's frame ends. Owns nothing
//! of what frames say.

use anyhow::{bail, ensure};

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// The frame is the whole message.
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Two bytes with the length follow.
const LENGTH_16: u8 = 0x7e;
/// Eight bytes with the length follow.
const LENGTH_64: u8 = 0x7f;
/// Changes nothing: the mask protects proxies from a browser's scripts, and neither is here.
const MASK: [u8; 4] = [0; 4];

/// What a server sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Frame<'a> {
    /// A text.
    Text(&'a [u8]),
    /// Asks for a sign of life.
    Ping(&'a [u8]),
    /// Answers one.
    Pong,
    /// Says goodbye: a code and a reason.
    Close(&'a [u8]),
}

/// Appends a text.
pub(crate) fn write_text(to: &mut Vec<u8>, payload: &[u8]) {
    write(to, TEXT, payload);
}

/// Appends the answer to a ping.
pub(crate) fn write_pong(to: &mut Vec<u8>, payload: &[u8]) {
    write(to, PONG, payload);
}

fn write(to: &mut Vec<u8>, opcode: u8, payload: &[u8]) {
    to.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..LENGTH_16), _) => to.push(MASKED | length),
        (_, Ok(length)) => {
            to.push(MASKED | LENGTH_16);
            to.extend(length.to_be_bytes());
        }
        _ => {
            to.push(MASKED | LENGTH_64);
            to.extend((payload.len() as u64).to_be_bytes());
        }
    }
    to.extend(MASK);
    to.extend_from_slice(payload);
}

/// The first frame of what was received and its length in bytes, once all of it is there.
pub(crate) fn first(received: &[u8]) -> anyhow::Result<Option<(Frame<'_>, usize)>> {
    let &[first, second, ref rest @ ..] = received else {
        return Ok(None);
    };
    ensure!(first & 0x70 == 0 && second & MASKED == 0, "the server sent a malformed frame");
    ensure!(first & FINAL != 0, "the server sent a message in parts");
    let (length, extended) = match second {
        LENGTH_16 => (rest.first_chunk().map(|bytes| usize::from(u16::from_be_bytes(*bytes))), 2),
        LENGTH_64 => (rest.first_chunk().and_then(|bytes| usize::try_from(u64::from_be_bytes(*bytes)).ok()), 8),
        length => (Some(usize::from(length)), 0),
    };
    let Some(payload) = length.and_then(|length| rest.get(extended..)?.get(..length)) else {
        return Ok(None);
    };
    let frame = match first & 0xf {
        TEXT => Frame::Text(payload),
        PING => Frame::Ping(payload),
        PONG => Frame::Pong,
        CLOSE => Frame::Close(payload),
        opcode => bail!("the server sent a frame of the kind {opcode}"),
    };
    Ok(Some((frame, 2 + extended + payload.len())))
}
