//! Bytes gathered until they are worth a request.

use std::mem;

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use http_body_util::Full;

/// The size of every part but the last: the least that S3 takes.
pub(super) const PART: usize = 5 << 20;

/// Up to 5 MiB of a file, being gathered.
///
/// Chunks are copied. Kept as they are, each would hold on to the buffer that it was received in, measured at twice
/// its size; copied, they leave that buffer free to be received in again.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    bytes: BytesMut,
    checksum: crc32fast::Hasher,
}

impl Gathering {
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == PART
    }

    /// Takes as much of `chunk` as there is room for.
    pub(super) fn fill(&mut self, chunk: &mut Bytes) {
        if self.bytes.capacity() == 0 {
            // At once: memory that is not written to is not used.
            self.bytes.reserve(PART);
        }
        let piece = chunk.split_to(chunk.len().min(PART - self.bytes.len()));
        self.checksum.update(&piece);
        self.bytes.extend_from_slice(&piece);
    }

    /// What was gathered, to make room for more.
    pub(super) fn take(&mut self) -> Part {
        let Self { bytes, checksum } = mem::take(self);
        Part { bytes: bytes.freeze(), checksum: STANDARD.encode(checksum.finalize().to_be_bytes()) }
    }
}

/// Up to 5 MiB of a file, to be sent.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Bytes,
    checksum: String,
}

impl Part {
    /// How many bytes it has.
    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Its CRC-32, as S3 writes it. Known before the part is sent, it stands in a header, which every store understands
    /// or ignores; the SDK's own, which trails the body in `aws-chunked` coding, is refused by some.
    pub(super) fn checksum(&self) -> &str {
        &self.checksum
    }

    /// A body that can be sent again. The SDK sees it as a stream: of bytes in memory it would compute a SHA-256 too,
    /// to sign it, which costs more than all else that is done to them here.
    pub(super) fn body(&self) -> ByteStream {
        let bytes = self.bytes.clone();
        ByteStream::new(SdkBody::retryable(move || SdkBody::from_body_1_x(Full::new(bytes.clone()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_takes_no_more_than_its_size() {
        let mut gathering = Gathering::default();
        let mut chunk = Bytes::from(vec![1; PART + 7]);
        gathering.fill(&mut chunk);
        assert_eq!((chunk.len(), gathering.is_full()), (7, true));
        let full = gathering.take();
        gathering.fill(&mut chunk);
        assert_eq!((full.length(), gathering.is_full(), gathering.take().length()), (PART as u64, false, 7));
    }

    #[tokio::test]
    async fn a_body_can_be_read_again() {
        let mut gathering = Gathering::default();
        for chunk in [&b"chat"[..], b"", b"room"] {
            gathering.fill(&mut Bytes::from_static(chunk));
        }
        let part = gathering.take();
        let body = part.body().into_inner();
        for body in [body.try_clone().unwrap(), body] {
            assert_eq!(ByteStream::new(body).collect().await.unwrap().to_vec(), b"chatroom");
        }
        assert_eq!(part.checksum(), STANDARD.encode(crc32fast::hash(b"chatroom").to_be_bytes()));
    }
}
