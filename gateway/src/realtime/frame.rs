//! WebSocket frames (RFC 6455, section 5) as a server reads and writes them. Owns no socket and no JSON.
//!
//! A server's frames are not masked, so a frame is the same bytes for everybody: it is made once and shared by all
//! sockets. That, and a reader that holds nothing while nothing comes, is why no crate's connection type is used here:
//! those copy each message into a write buffer of every socket, and keep both buffers for as long as it lives.

use bytes::Bytes;

/// The most that a client's message may have, in bytes.
pub(super) const MESSAGE_MAX: usize = 64 << 10;
/// The most that a control frame may carry.
const CONTROL_MAX: usize = 125;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const MASKED: u8 = 0x80;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// Why a socket is closed, as its peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// The peer wanted it.
    Asked(u16),
    /// The process is about to end.
    Draining,
    /// The peer breaks the protocol.
    Malformed,
    /// The peer sends what is no text.
    NotText,
    /// The peer sends a text that is not UTF-8.
    NotUtf8,
    /// The peer floods, or does not say who it is.
    Policy,
    /// The peer sends a message that is too large.
    TooLarge,
    /// The peer does not keep up with what it is sent.
    TooSlow,
    /// The token is good no more.
    SignedOut,
    /// The user has opened too many sockets since.
    Replaced,
}

impl Close {
    /// The code on the wire.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::Asked(code) => code,
            Self::Draining => 1001,
            Self::Malformed => 1002,
            Self::NotText => 1003,
            Self::NotUtf8 => 1007,
            Self::Policy => 1008,
            Self::TooLarge => 1009,
            Self::TooSlow => 1013,
            Self::SignedOut => 4001,
            Self::Replaced => 4002,
        }
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Asked(_) => "",
            Self::Draining => "draining",
            Self::Malformed => "malformed frame",
            Self::NotText => "text only",
            Self::NotUtf8 => "not UTF-8",
            Self::Policy => "policy",
            Self::TooLarge => "message too large",
            Self::TooSlow => "too slow",
            Self::SignedOut => "signed out",
            Self::Replaced => "replaced",
        }
    }

    /// The frame that says so.
    pub(super) fn frame(self) -> Bytes {
        let mut payload = self.code().to_be_bytes().to_vec();
        payload.extend_from_slice(self.reason().as_bytes());
        frame(CLOSE, &payload)
    }
}

/// A text's frame.
pub(super) fn text(text: &[u8]) -> Bytes {
    frame(TEXT, text)
}

/// Writes a text's frame behind others, to be sent as one piece.
pub(super) fn append_text(text: &[u8], frames: &mut Vec<u8>) {
    append(TEXT, text, frames);
}

/// The answer to a ping.
pub(super) fn pong(payload: &[u8]) -> Bytes {
    frame(PONG, payload)
}

fn frame(opcode: u8, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 10);
    append(opcode, payload, &mut frame);
    frame.into()
}

fn append(opcode: u8, payload: &[u8], frames: &mut Vec<u8>) {
    frames.push(FINAL | opcode);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length), _) if usize::from(length) <= CONTROL_MAX => frames.push(length),
        (_, Ok(length)) => {
            frames.push(126);
            frames.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frames.push(127);
            frames.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    frames.extend_from_slice(payload);
}

/// What a peer has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// A whole text.
    Text(String),
    /// A ping, with what its answer repeats.
    Ping(Vec<u8>),
    /// The answer to a ping, or a sign of life.
    Pong,
    /// The peer wants to close, with this code or none.
    Close(Option<u16>),
}

/// Takes a peer's bytes apart. While nothing is on its way it holds nothing.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What has come and has not been taken.
    bytes: Vec<u8>,
    /// How much of it has been taken already.
    taken: usize,
    /// The beginning of a text that comes in several frames.
    text: Option<Vec<u8>>,
}

impl Reader {
    /// Takes in what has come from the socket.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next thing that is whole; nothing where more must come first.
    pub(super) fn next(&mut self) -> Result<Option<Incoming>, Close> {
        loop {
            let left = self.bytes.get_mut(self.taken..).unwrap_or_default();
            let Some(header) = Header::read(left)? else {
                break;
            };
            header.check(self.text.as_ref().map(Vec::len))?;
            let Some(payload) = left.get_mut(header.size..header.size + header.length) else {
                break;
            };
            unmask(payload, header.mask);
            self.taken += header.size + header.length;
            if let Some(incoming) = assemble(&mut self.text, &header, payload)? {
                return Ok(Some(incoming));
            }
        }
        if self.taken == self.bytes.len() {
            // What was taken is not kept for the next time.
            (self.bytes, self.taken) = (Vec::new(), 0);
        }
        Ok(None)
    }
}

/// A frame's head.
#[derive(Debug)]
struct Header {
    last: bool,
    opcode: u8,
    mask: [u8; 4],
    /// Of the head itself.
    size: usize,
    /// Of what follows it.
    length: usize,
}

impl Header {
    /// Reads a head; nothing where it is not whole.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Close> {
        let [first, second, rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & RESERVED != 0 || second & MASKED == 0 {
            return Err(Close::Malformed);
        }
        let (length, extra) = match second & !MASKED {
            126 => (rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 2),
            127 => (rest.first_chunk().map(|length| u64::from_be_bytes(*length)), 8),
            length => (Some(length.into()), 0),
        };
        let mask = rest.get(extra..).and_then(<[u8]>::first_chunk).copied();
        let Some((length, mask)) = length.zip(mask) else {
            return Ok(None);
        };
        let length = usize::try_from(length).map_err(|_| Close::TooLarge)?;
        Ok(Some(Self { last: first & FINAL != 0, opcode: first & OPCODE, mask, size: 6 + extra, length }))
    }

    /// Refuses what must not come, before it has come: `begun` is how much there is of a text in several frames.
    fn check(&self, begun: Option<usize>) -> Result<(), Close> {
        let fits = begun.unwrap_or(0).saturating_add(self.length) <= MESSAGE_MAX;
        match self.opcode {
            CLOSE | PING | PONG if self.last && self.length <= CONTROL_MAX => Ok(()),
            TEXT if begun.is_none() && fits => Ok(()),
            CONTINUATION if begun.is_some() && fits => Ok(()),
            TEXT | CONTINUATION if !fits => Err(Close::TooLarge),
            BINARY => Err(Close::NotText),
            _ => Err(Close::Malformed),
        }
    }
}

fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    for chunk in payload.chunks_mut(mask.len()) {
        for (byte, mask) in chunk.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}

/// What a frame completes; nothing where a text goes on in the next one.
fn assemble(begun: &mut Option<Vec<u8>>, header: &Header, payload: &[u8]) -> Result<Option<Incoming>, Close> {
    Ok(Some(match header.opcode {
        PING => Incoming::Ping(payload.to_vec()),
        PONG => Incoming::Pong,
        CLOSE => Incoming::Close(close_code(payload)?),
        _ => {
            let mut whole = begun.take().unwrap_or_default();
            whole.extend_from_slice(payload);
            if !header.last {
                *begun = Some(whole);
                return Ok(None);
            }
            Incoming::Text(String::from_utf8(whole).map_err(|_| Close::NotUtf8)?)
        }
    }))
}

fn close_code(payload: &[u8]) -> Result<Option<u16>, Close> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(Close::Malformed) };
    };
    str::from_utf8(reason).map_err(|_| Close::NotUtf8)?;
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(Close::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    /// A client's frame.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        append(0, payload, &mut frame);
        frame[0] = first;
        frame[1] |= MASKED;
        let at = frame.len() - payload.len();
        unmask(&mut frame[at..], MASK);
        frame.splice(at..at, MASK);
        frame
    }

    /// Everything that `bytes` say, however they are cut.
    fn read(bytes: &[u8]) -> Result<Vec<Incoming>, Close> {
        let whole = read_in_pieces(bytes, bytes.len().max(1));
        for size in [1, 2, 3, 7] {
            assert_eq!(read_in_pieces(bytes, size), whole, "in pieces of {size}");
        }
        whole
    }

    fn read_in_pieces(bytes: &[u8], size: usize) -> Result<Vec<Incoming>, Close> {
        let (mut reader, mut read) = (Reader::default(), Vec::new());
        for piece in bytes.chunks(size) {
            reader.feed(piece);
            while let Some(incoming) = reader.next()? {
                read.push(incoming);
            }
        }
        Ok(read)
    }

    fn said(text: &str) -> Incoming {
        Incoming::Text(text.to_owned())
    }

    #[test]
    fn texts_of_every_length_are_read_and_written() {
        assert_eq!(&text("你".as_bytes())[..], [0x81, 3, 0xe4, 0xbd, 0xa0]);
        for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
            let words = "x".repeat(length);
            assert_eq!(read_in_pieces(&masked(0x81, words.as_bytes()), 1000), Ok(vec![said(&words)]), "{length}");
            assert_eq!(text(words.as_bytes()).len(), length + [2, 4, 10][usize::from(length > 125) + length / 65_536]);
        }
    }

    #[test]
    fn a_text_comes_in_several_frames_with_others_in_between() {
        let frames =
            [masked(0x01, "你".as_bytes()), masked(0x89, b"p"), masked(0x00, b""), masked(0x80, "好".as_bytes())];
        assert_eq!(read(&frames.concat()), Ok(vec![Incoming::Ping(b"p".to_vec()), said("你好")]));
        // A character may be cut between two frames.
        let [first, last] = ["你".as_bytes().split_at(1).0, "你".as_bytes().split_at(1).1];
        assert_eq!(read(&[masked(0x01, first), masked(0x80, last)].concat()), Ok(vec![said("你")]));
    }

    #[test]
    fn what_breaks_the_protocol_is_refused() {
        for (frame, close) in [
            (vec![0x81, 0x01, b'a'], Close::Malformed),
            (masked(0xc1, b"a"), Close::Malformed),
            (masked(0x83, b"a"), Close::Malformed),
            (masked(0x80, b"a"), Close::Malformed),
            ([masked(0x01, b"a"), masked(0x81, b"a")].concat(), Close::Malformed),
            (masked(0x09, b"a"), Close::Malformed),
            (masked(0x89, &[0; 126]), Close::Malformed),
            (masked(0x88, &[3]), Close::Malformed),
            (masked(0x88, &1005_u16.to_be_bytes()), Close::Malformed),
            (masked(0x82, b"a"), Close::NotText),
            (masked(0x81, &[0xff]), Close::NotUtf8),
            (masked(0x88, &[3, 0xe8, 0xff]), Close::NotUtf8),
        ] {
            assert_eq!(read(&frame), Err(close), "{frame:x?}");
        }
    }

    #[test]
    fn a_message_too_large_is_refused_before_it_has_come() {
        let announced = |length: u64| [&[0x81, 0xff][..], &length.to_be_bytes(), &MASK].concat();
        assert_eq!(read(&announced(MESSAGE_MAX as u64)), Ok(vec![]));
        for length in [MESSAGE_MAX as u64 + 1, u64::MAX] {
            assert_eq!(read(&announced(length)), Err(Close::TooLarge));
        }
        let pieces = [masked(0x01, &vec![b'x'; MESSAGE_MAX]), masked(0x00, b""), masked(0x80, b"x")];
        assert_eq!(read_in_pieces(&pieces.concat(), 4096), Err(Close::TooLarge));
    }

    #[test]
    fn a_close_is_read_and_written() {
        assert_eq!(read(&masked(0x88, b"")), Ok(vec![Incoming::Close(None)]));
        assert_eq!(read(&masked(0x88, &[0x0f, 0xa1, b'a'])), Ok(vec![Incoming::Close(Some(4001))]));
        assert_eq!(&Close::TooSlow.frame()[..], b"\x88\x0a\x03\xf5too slow");
    }

    #[test]
    fn a_reader_at_rest_holds_nothing() {
        let mut reader = Reader::default();
        reader.feed(&masked(0x81, &[b'x'; 5000]));
        assert!(reader.next().is_ok_and(|incoming| incoming.is_some()));
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(reader.bytes.capacity(), 0);
    }
}
