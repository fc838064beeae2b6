//! Files on their way out of the store.

use aws_sdk_s3::{operation::get_object::GetObjectOutput, primitives::ByteStream};
use bytes::Bytes;

use super::{CREATED, Objects, StoreError, created, status_of};
use crate::{
    domain::{FileName, Range, StoredFile},
    error::Error,
};

/// How much is handed out at once: a slow reader keeps several of them waiting, in this process and in the gateway.
const READ_MAX: usize = 64 << 10;

/// A file, or a range of it, being read. Nothing is read ahead: who asks slowly is sent slowly.
#[derive(Debug)]
pub struct Download {
    /// The whole file.
    pub file: StoredFile,
    /// The offset of the first byte to come.
    pub first: u64,
    /// How many bytes are to come.
    pub length: u64,
    body: ByteStream,
    /// How many bytes the body still owes.
    owed: u64,
    /// Read and not yet handed out.
    rest: Bytes,
}

/// What the store answers.
enum Found {
    Bytes(Box<Download>),
    Nothing,
    NothingInRange,
}

impl Objects {
    /// Opens a file, or a range of it, for reading.
    pub async fn read(&self, name: &FileName, range: Option<Range>) -> Result<Option<Download>, Error> {
        let range = match range {
            None => None,
            Some(Range::From { first, last: None }) => Some(format!("bytes={first}-")),
            Some(Range::From { first, last: Some(last) }) => Some(format!("bytes={first}-{last}")),
            Some(Range::Suffix(_)) => {
                // Stores disagree about a suffix longer than the file: it is worked out here.
                let Some(file) = self.describe(name).await? else {
                    return Ok(None);
                };
                let span = range.and_then(|range| range.within(file.size));
                let span = span.ok_or(Error::RangeNotSatisfiable { size: file.size })?;
                Some(format!("bytes={}-{}", span.first, span.last))
            }
        };
        match self.get(name, range).await? {
            Found::Bytes(download) => Ok(Some(*download)),
            Found::Nothing => Ok(None),
            Found::NothingInRange => match self.describe(name).await? {
                Some(file) => Err(Error::RangeNotSatisfiable { size: file.size }),
                None => Ok(None),
            },
        }
    }

    #[tracing::instrument(level = "debug", name = "s3.get", skip_all, err(level = "debug"))]
    async fn get(&self, name: &FileName, range: Option<String>) -> Result<Found, StoreError> {
        let request = self.client.get_object().bucket(&*self.bucket).key(name.as_str()).set_range(range);
        match self.while_alive(request.send()).await? {
            Ok(object) => Download::new(name, object).map(|download| Found::Bytes(Box::new(download))),
            Err(error) => match status_of(&error) {
                Some(404) => Ok(Found::Nothing),
                Some(416) => Ok(Found::NothingInRange),
                _ => Err(error.into()),
            },
        }
    }
}

impl Download {
    fn new(name: &FileName, object: GetObjectOutput) -> Result<Self, StoreError> {
        let length: Option<u64> = object.content_length().and_then(|length| length.try_into().ok());
        let created = created(object.metadata().and_then(|metadata| metadata.get(CREATED)), object.last_modified());
        let (Some(length), Some(created)) = (length, created) else {
            return Err(StoreError::because("an object has no size or no time"));
        };
        let (first, size) = match object.content_range() {
            None => (0, length),
            Some(text) => content_range(text).ok_or(StoreError::because("a content range is malformed"))?,
        };
        let file = StoredFile { name: name.clone(), size, created };
        Ok(Self { file, first, length, body: object.body, owed: length, rest: Bytes::new() })
    }

    /// The next bytes, as many as fit a message; nothing after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while self.rest.is_empty() {
            if self.owed == 0 {
                return Ok(None);
            }
            self.rest = self.body.try_next().await?.ok_or(StoreError::because("an object ended early"))?;
            self.owed =
                self.owed.checked_sub(self.rest.len() as u64).ok_or(StoreError::because("an object did not end"))?;
        }
        Ok(Some(self.rest.split_to(self.rest.len().min(READ_MAX))))
    }
}

/// The first byte's offset and the whole size in `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, size.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_is_read() {
        assert_eq!(content_range("bytes 5-9/100"), Some((5, 100)));
        for text in ["", "5-9/100", "bytes 5-9", "bytes 5-9/*", "bytes */100"] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
