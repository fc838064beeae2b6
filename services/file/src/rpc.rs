//! The file service's RPCs: each decodes, authorises, decides, stores and encodes.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use chatroom_kit::{
    auth::{Unauthenticated, Verifier},
    clock::Clock,
    error::{Invalid, Problem},
    fields::RequestId,
    wire,
};
use chatroom_proto::file::v1::{
    self as proto, ByteRange, CheckOwnerRequest, CheckOwnerResponse, DeleteFileRequest, DeleteFileResponse,
    DownloadFileHeader, DownloadFileRequest, DownloadFileResponse, GetFileRequest, GetFileResponse, UploadFileHeader,
    UploadFileRequest, UploadFileResponse, byte_range::Start, download_file_response, file_service_server::FileService,
    upload_file_request::Part,
};
use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    config::Settings,
    domain::{CHUNK_MAX, FileName, Range, StoredFile},
    error::Error,
    store::{Download, Objects},
    upload::Uploads,
};

/// The most that a received message may take: a chunk larger than it may be is still told apart.
pub(crate) const MESSAGE_MAX: usize = 2 * CHUNK_MAX;
/// The one service that may delete: it knows whether a file is used still.
const DELETER: &str = "group";
/// How long a caller may send nothing in the middle of an upload, which holds memory all the while. The gateway is what
/// watches its clients: it sends 64 KiB at a time, and one that brings 16 KiB in 30 s is slow but welcome.
const PATIENCE: Duration = Duration::from_secs(150);

pub(crate) struct Service {
    objects: Objects,
    uploads: Uploads,
    verifier: Verifier,
}

impl Service {
    pub(crate) fn new(objects: Objects, verifier: Verifier, clock: Clock, settings: &Settings) -> Self {
        Self { uploads: Uploads::new(objects.clone(), clock, settings), objects, verifier }
    }
}

#[tonic::async_trait]
impl FileService for Service {
    type DownloadFileStream = BoxStream<'static, Result<DownloadFileResponse, Status>>;

    async fn upload_file(
        &self,
        request: Request<Streaming<UploadFileRequest>>,
    ) -> Result<Response<UploadFileResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let mut messages = request.into_inner();
        let header = header(&mut messages).await?;
        let request_id = RequestId::parse(&header.request_id)?;
        let file = self.uploads.take(caller.id, request_id, pin!(chunks(messages))).await?;
        Ok(Response::new(UploadFileResponse { file: Some(encode(&file)) }))
    }

    async fn download_file(
        &self,
        request: Request<DownloadFileRequest>,
    ) -> Result<Response<Self::DownloadFileStream>, Status> {
        let DownloadFileRequest { name, range } = request.into_inner();
        let name = FileName::parse(&name).ok_or(Error::FileNotFound)?;
        let range = range.map(decode_range).transpose()?;
        let download = self.objects.read(&name, range).await?.ok_or(Error::FileNotFound)?;
        Ok(Response::new(messages(download).boxed()))
    }

    async fn get_file(&self, request: Request<GetFileRequest>) -> Result<Response<GetFileResponse>, Status> {
        let name = FileName::parse(&request.get_ref().name).ok_or(Error::FileNotFound)?;
        let file = self.objects.describe(&name).await.map_err(Error::from)?.ok_or(Error::FileNotFound)?;
        Ok(Response::new(GetFileResponse { file: Some(encode(&file)) }))
    }

    async fn check_owner(&self, request: Request<CheckOwnerRequest>) -> Result<Response<CheckOwnerResponse>, Status> {
        let caller = self.verifier.caller(&request)?;
        let name = FileName::parse(&request.get_ref().name).ok_or(Error::FileNotFound)?;
        let file = self.objects.owned(&name, caller.id).await.map_err(Error::from)?.ok_or(Error::FileNotFound)?;
        Ok(Response::new(CheckOwnerResponse { file: Some(encode(&file)) }))
    }

    async fn delete_file(&self, request: Request<DeleteFileRequest>) -> Result<Response<DeleteFileResponse>, Status> {
        let service = self.verifier.service(&request)?;
        if service.name != DELETER {
            return Err(Error::from(Unauthenticated).into());
        }
        let name = FileName::parse(&request.get_ref().name).ok_or(Error::FileNotFound)?;
        self.objects.remove(&name).await.map_err(Error::from)?;
        tracing::info!(file.name = name.as_str(), "file deleted");
        Ok(Response::new(DeleteFileResponse {}))
    }
}

/// The next part of an upload; nothing at its end.
async fn part(messages: &mut Streaming<UploadFileRequest>) -> Result<Option<Part>, Error> {
    let message = tokio::time::timeout(PATIENCE, messages.message()).await.map_err(|_| Error::Stalled)?;
    // The stream is cut off, or is no protobuf.
    let message = message.map_err(|_| Invalid::new("part", Problem::Malformed))?;
    message.map(|message| message.part.ok_or(Invalid::new("part", Problem::Missing).into())).transpose()
}

async fn header(messages: &mut Streaming<UploadFileRequest>) -> Result<UploadFileHeader, Error> {
    match part(messages).await? {
        Some(Part::Header(header)) => Ok(header),
        _ => Err(Invalid::new("header", Problem::Missing).into()),
    }
}

/// The chunks between the header and the end.
fn chunks(messages: Streaming<UploadFileRequest>) -> impl Stream<Item = Result<Bytes, Error>> {
    stream::try_unfold((messages, 0), async |(mut messages, size)| match part(&mut messages).await? {
        Some(Part::Chunk(chunk)) if chunk.len() <= CHUNK_MAX => {
            let size = size + chunk.len();
            Ok(Some((chunk, (messages, size))))
        }
        Some(Part::End(end)) if usize::try_from(end.size) == Ok(size) => Ok(None),
        Some(Part::Chunk(_)) => Err(Invalid::new("chunk", Problem::TooLong(CHUNK_MAX)).into()),
        Some(Part::Header(_)) => Err(Invalid::new("header", Problem::Malformed).into()),
        Some(Part::End(_)) => Err(Invalid::new("size", Problem::Malformed).into()),
        None => Err(Invalid::new("end", Problem::Missing).into()),
    })
}

/// A download as messages, the header first. Each is read when it is asked for.
fn messages(download: Download) -> impl Stream<Item = Result<DownloadFileResponse, Status>> {
    let header = download_file_response::Part::Header(DownloadFileHeader {
        file: Some(encode(&download.file)),
        first: signed(download.first),
        length: signed(download.length),
    });
    let chunks = stream::try_unfold(download, async |mut download| {
        let chunk = download.next().await.map_err(Error::from)?;
        Ok(chunk.map(|chunk| (download_file_response::Part::Chunk(chunk), download)))
    });
    stream::once(async { Ok(header) })
        .chain(chunks)
        .map(|part| part.map(|part| DownloadFileResponse { part: Some(part) }))
}

/// Reads the request field `range`.
fn decode_range(range: ByteRange) -> Result<Range, Invalid> {
    let invalid = Invalid::new("range", Problem::Malformed);
    let unsigned = |number: i64| u64::try_from(number).map_err(|_| invalid);
    match range.start.ok_or(invalid)? {
        Start::Suffix(length) => Ok(Range::Suffix(unsigned(length)?)),
        Start::First(first) => {
            let (first, last) = (unsigned(first)?, range.last.map(unsigned).transpose()?);
            if last.is_some_and(|last| last < first) { Err(invalid) } else { Ok(Range::From { first, last }) }
        }
    }
}

fn encode(file: &StoredFile) -> proto::File {
    proto::File {
        name: file.name.as_str().to_owned(),
        content_type: file.name.kind().content_type().to_owned(),
        size: signed(file.size),
        create_time: Some(wire::timestamp(file.created)),
    }
}

/// A size as protobuf writes it; no store holds a file too large for it.
fn signed(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        let read = |start, last| decode_range(ByteRange { start, last });
        assert_eq!(read(Some(Start::First(5)), None).unwrap(), Range::From { first: 5, last: None });
        assert_eq!(read(Some(Start::First(5)), Some(5)).unwrap(), Range::From { first: 5, last: Some(5) });
        assert_eq!(read(Some(Start::Suffix(5)), Some(1)).unwrap(), Range::Suffix(5));
        for (start, last) in [
            (None, Some(1)),
            (Some(Start::First(-1)), None),
            (Some(Start::First(5)), Some(4)),
            (Some(Start::First(0)), Some(-1)),
            (Some(Start::Suffix(-1)), None),
        ] {
            assert!(read(start, last).is_err(), "{start:?} {last:?}");
        }
    }
}
