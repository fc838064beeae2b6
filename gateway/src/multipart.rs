//! The one file in a multipart form, read as it comes: whatever else is in the form is passed over within bounds. Owns
//! no rule about the file.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::Stream;
use http::{HeaderMap, header};
use multer::{Field, Multipart};

use crate::error::Refusal;

/// The name of the field that holds the file.
const FILE: &str = "file";
/// How many parts a form may have.
const PARTS_MAX: usize = 32;
/// How many bytes may stand around the file, part headers and small fields included.
const AROUND_MAX: usize = 64 << 10;
/// What a piece of the file has at least, the last one aside, and at most.
const PIECE_MIN: usize = 64 << 10;
const PIECE_MAX: usize = 256 << 10;

/// A form that is being read.
pub(crate) struct Form {
    parts: Multipart<'static>,
    left: Arc<AtomicUsize>,
    seen: usize,
}

impl Form {
    /// The form in `body`, as `headers` announce it.
    pub(crate) fn open(headers: &HeaderMap, body: Body) -> Result<Self, Refusal> {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = content_type.and_then(|text| multer::parse_boundary(text).ok()).ok_or_else(Refusal::no_file)?;
        let left = Arc::new(AtomicUsize::new(AROUND_MAX));
        let source = Source { body: body.into_data_stream(), left: left.clone(), rests: false };
        Ok(Self { parts: Multipart::new(source, boundary), left, seen: 0 })
    }

    /// The file, what stands before it passed over.
    pub(crate) async fn file(&mut self) -> Result<File, Refusal> {
        while let Some(field) = self.next().await? {
            if field.name() == Some(FILE) {
                self.left.store(usize::MAX, Ordering::Relaxed);
                return Ok(File { field, held: BytesMut::new() });
            }
            skip(field).await?;
        }
        Err(Refusal::no_file())
    }

    /// Reads what stands behind the file, to the end of the form: only then is it known to be whole.
    pub(crate) async fn finish(mut self) -> Result<(), Refusal> {
        self.left.store(AROUND_MAX, Ordering::Relaxed);
        while let Some(field) = self.next().await? {
            if field.name() == Some(FILE) {
                return Err(Refusal::malformed_form());
            }
            skip(field).await?;
        }
        Ok(())
    }

    async fn next(&mut self) -> Result<Option<Field<'static>>, Refusal> {
        self.seen += 1;
        if self.seen > PARTS_MAX {
            return Err(Refusal::malformed_form());
        }
        self.parts.next_field().await.map_err(|error| malformed(&error))
    }
}

/// Reads a part to its end: multer would wait for ever for the rest of one that is dropped.
async fn skip(mut field: Field<'static>) -> Result<(), Refusal> {
    while field.chunk().await.map_err(|error| malformed(&error))?.is_some() {}
    Ok(())
}

fn malformed(error: &multer::Error) -> Refusal {
    tracing::debug!(%error, "malformed form");
    Refusal::malformed_form()
}

/// The file in a form.
pub(crate) struct File {
    field: Field<'static>,
    held: BytesMut,
}

impl File {
    /// The next piece, of 64 to 256 KiB but for the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        while self.held.len() < PIECE_MIN {
            match self.field.chunk().await.map_err(|error| malformed(&error))? {
                Some(bytes) => self.held.extend_from_slice(&bytes),
                None => break,
            }
        }
        let piece = self.held.split_to(self.held.len().min(PIECE_MAX));
        Ok((!piece.is_empty()).then(|| piece.freeze()))
    }
}

/// The body as multer is given it. multer takes in whatever is ready and keeps it all until it finds a boundary or the
/// end of a part's headers, so it gets one chunk at a time, and no more than is left to it.
struct Source {
    body: BodyDataStream,
    /// How many bytes may still be given.
    left: Arc<AtomicUsize>,
    /// Whether a chunk has just been given: multer looks at it before it gets another.
    rests: bool,
}

/// More stands around the file than may.
#[derive(Debug, thiserror::Error)]
#[error("the parts around the file are too large")]
struct TooMuch;

type SourceError = Box<dyn std::error::Error + Send + Sync>;

impl Stream for Source {
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if std::mem::take(&mut self.rests) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.left.load(Ordering::Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(TooMuch.into())));
        }
        let chunk = std::task::ready!(Pin::new(&mut self.body).poll_next(context));
        Poll::Ready(chunk.map(|chunk| {
            let chunk = chunk?;
            self.rests = true;
            self.left.store(left.saturating_sub(chunk.len()), Ordering::Relaxed);
            Ok(chunk)
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http::HeaderValue;

    use super::*;

    /// A form whose body comes in chunks of `size`.
    fn form(body: &str, size: usize) -> Form {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=b"));
        let chunks: Vec<_> =
            body.as_bytes().chunks(size).map(|chunk| Ok::<_, std::io::Error>(Bytes::copy_from_slice(chunk))).collect();
        Form::open(&headers, Body::from_stream(stream::iter(chunks))).unwrap()
    }

    fn part(name: &str, content: &str) -> String {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    }

    async fn read(body: &str, size: usize) -> Result<Vec<usize>, Refusal> {
        let mut form = form(body, size);
        let mut file = form.file().await?;
        let mut pieces = Vec::new();
        while let Some(piece) = file.next().await? {
            pieces.push(piece.len());
        }
        drop(file);
        form.finish().await?;
        Ok(pieces)
    }

    #[tokio::test]
    async fn a_file_is_found_among_small_fields_however_it_comes() {
        let body = format!("{}{}{}--b--\r\n", part("a", "x"), part("file", "content\r\n--c"), part("z", ""));
        for size in [1, 2, 7, 100, 10_000] {
            assert_eq!(read(&body, size).await.unwrap(), [12], "chunks of {size}");
        }
    }

    #[tokio::test]
    async fn a_large_file_comes_in_bounded_pieces() {
        let body = format!("{}--b--", part("file", &"x".repeat(1_000_000)));
        for size in [1_000, 8_192, 100_000, 2_000_000] {
            let pieces = read(&body, size).await.unwrap();
            assert_eq!(pieces.iter().sum::<usize>(), 1_000_000);
            let (_, all_but_last) = pieces.split_last().unwrap();
            assert!(all_but_last.iter().all(|piece| (PIECE_MIN..=PIECE_MAX).contains(piece)), "{pieces:?}");
        }
    }

    #[tokio::test]
    async fn a_form_without_a_whole_file_is_refused() {
        let whole = format!("{}--b--\r\n", part("file", "content"));
        for body in [
            String::new(),
            "--b--\r\n".to_owned(),
            format!("{}--b--\r\n", part("other", "content")),
            format!("{}{}--b--\r\n", part("file", "one"), part("file", "two")),
            whole.replace("--b--", ""),
            whole[..whole.len() - 12].to_owned(),
        ] {
            assert!(read(&body, 10).await.is_err(), "{body}");
        }
    }

    #[tokio::test]
    async fn what_stands_around_the_file_is_bounded() {
        let file = part("file", "content");
        let parts = part("a", "").repeat(1_000);
        let header = format!("--b\r\nx: {}\r\n\r\n\r\n", "x".repeat(1 << 20));
        let field = part("a", &"x".repeat(1 << 20));
        let preamble = "x".repeat(1 << 20);
        for around in [&parts, &header, &field, &preamble] {
            for body in [format!("{around}{file}--b--"), format!("{file}{around}--b--")] {
                assert!(read(&body, 8_192).await.is_err(), "{} bytes", around.len());
            }
        }
    }
}
