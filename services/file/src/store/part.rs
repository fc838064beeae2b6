//! Bytes gathered until they are worth a request. They are kept in the pieces they came in, so that a file goes from
//! socket to store without being copied into one buffer.

use std::{
    convert::Infallible,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use aws_sdk_s3::primitives::SdkBody;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};

/// The size of every part but the last: the least that S3 takes.
pub(super) const PART: usize = 5 << 20;
/// Smaller pieces are copied together: a piece costs its entry, and keeps the whole buffer it was cut from.
const SMALL: usize = 16 << 10;
/// How much is copied together at most.
const COPIED: usize = 64 << 10;

/// Up to 5 MiB of a file.
///
/// Its checksum is known before it is sent and stands in a header, which every store understands or ignores. The
/// SDK's own way with a stream, a checksum that trails the body in `aws-chunked` coding, is refused by some.
#[derive(Debug, Default)]
pub(super) struct Part {
    pieces: Vec<Bytes>,
    /// Small pieces, on their way to become one.
    copied: BytesMut,
    length: usize,
    checksum: crc32fast::Hasher,
}

impl Part {
    pub(super) fn is_full(&self) -> bool {
        self.length == PART
    }

    /// Takes as much of `chunk` as there is room for.
    pub(super) fn fill(&mut self, chunk: &mut Bytes) {
        let piece = chunk.split_to(chunk.len().min(PART - self.length));
        self.length += piece.len();
        self.checksum.update(&piece);
        if piece.len() < SMALL {
            self.copied.extend_from_slice(&piece);
        }
        if piece.len() >= SMALL || self.copied.len() >= COPIED {
            self.close_copied();
        }
        if piece.len() >= SMALL {
            self.pieces.push(piece);
        }
    }

    /// The part, complete.
    pub(super) fn take(&mut self) -> Self {
        self.close_copied();
        mem::take(self)
    }

    fn close_copied(&mut self) {
        if !self.copied.is_empty() {
            self.pieces.push(mem::take(&mut self.copied).freeze());
        }
    }

    /// How many bytes it has.
    pub(super) fn length(&self) -> usize {
        self.length
    }

    /// The same, as the SDK wants it.
    pub(super) fn content_length(&self) -> i64 {
        // At most PART.
        i64::try_from(self.length).unwrap_or(i64::MAX)
    }

    /// Its CRC-32, as S3 writes it.
    pub(super) fn checksum(&self) -> String {
        STANDARD.encode(self.checksum.clone().finalize().to_be_bytes())
    }

    /// A body that can be sent again.
    pub(super) fn body(&self) -> SdkBody {
        let pieces: Arc<[Bytes]> = self.pieces.clone().into();
        let length = self.length;
        SdkBody::retryable(move || SdkBody::from_body_1_x(PartBody { pieces: pieces.clone(), next: 0, left: length }))
    }
}

struct PartBody {
    pieces: Arc<[Bytes]>,
    next: usize,
    left: usize,
}

impl Body for PartBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(piece) = self.pieces.get(self.next).cloned() else {
            return Poll::Ready(None);
        };
        self.next += 1;
        self.left -= piece.len();
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left as u64)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::ByteStream;

    use super::*;

    fn filled(chunks: &[usize]) -> Part {
        let mut part = Part::default();
        for (index, length) in chunks.iter().enumerate() {
            let byte = u8::try_from(index % 251).unwrap();
            part.fill(&mut Bytes::from(vec![byte; *length]));
        }
        part.take()
    }

    #[test]
    fn a_part_takes_no_more_than_its_size() {
        let mut part = Part::default();
        let mut chunk = Bytes::from(vec![1; PART + 7]);
        part.fill(&mut chunk);
        assert_eq!((chunk.len(), part.length(), part.is_full()), (7, PART, true));
        let full = part.take();
        assert_eq!((full.length(), part.length(), part.is_full()), (PART, 0, false));
    }

    #[test]
    fn small_pieces_do_not_pile_up() {
        assert_eq!(filled(&vec![1; 100_000]).pieces.len(), 2);
        assert_eq!(filled(&[SMALL; 4]).pieces.len(), 4);
        assert_eq!(filled(&[1, SMALL, 1, 1]).pieces.len(), 3);
    }

    #[tokio::test]
    async fn a_body_holds_the_bytes_in_order_and_can_be_read_again() {
        let part = filled(&[3, SMALL, 5, 5, 2 * SMALL, 1]);
        let wanted: Vec<u8> =
            [(0, 3), (1, SMALL), (2, 5), (3, 5), (4, 2 * SMALL), (5, 1)].map(|(byte, n)| vec![byte; n]).concat();
        let body = part.body();
        for body in [body.try_clone().unwrap(), body] {
            let read = ByteStream::new(body).collect().await.unwrap().to_vec();
            assert_eq!(read, wanted);
        }
        assert_eq!(part.length(), wanted.len());
        assert_eq!(part.checksum(), STANDARD.encode(crc32fast::hash(&wanted).to_be_bytes()));
    }
}
