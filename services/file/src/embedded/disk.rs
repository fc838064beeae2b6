//! s3s-fs with what it lacks. It renames what it writes into place but never waits for the disk; it reads 4 KiB at a
//! time and, of a range, on to the file's end; it checks a condition and writes in two steps; it leaves the companions
//! of a removed object behind; and it fails, or tells half, where an object is removed while it looks. Each is mended
//! here, and every other word of S3 is its own.

use std::{io, io::SeekFrom, sync::Arc};

use s3s::{
    S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{
        AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
        CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput,
        DeleteObjectOutput, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, PutObjectInput,
        PutObjectOutput, Range, StreamingBlob, UploadPartInput, UploadPartOutput,
    },
};
use s3s_fs::FileSystem;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    sync::Mutex,
};
use tokio_util::io::ReaderStream;

use super::paths::Paths;

/// How much of a file is read at once.
const READ: usize = 256 << 10;

/// The server.
pub(super) struct Disk {
    files: FileSystem,
    paths: Arc<Paths>,
    /// Held by whoever writes on a condition.
    conditional: Mutex<()>,
}

impl Disk {
    pub(super) fn open(paths: Arc<Paths>) -> anyhow::Result<Self> {
        let files = FileSystem::new(paths.root()).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        Ok(Self { files, paths, conditional: Mutex::new(()) })
    }

    /// Waits until an object is on the disk. Only then may it be acknowledged.
    async fn persist(&self, key: String) -> S3Result<()> {
        let paths = self.paths.clone();
        blocking(move || paths.persist(&key)).await
    }

    /// The bytes of an object, or a range of them.
    async fn body(&self, key: &str, range: Option<Range>) -> S3Result<StreamingBlob> {
        let mut file = match File::open(self.paths.object(key)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(S3ErrorCode::NoSuchKey.into()),
            opened => opened.map_err(internal)?,
        };
        let size = file.metadata().await.map_err(internal)?.len();
        let span = range.map_or(Ok(0..size), |range| range.check(size))?;
        file.seek(SeekFrom::Start(span.start)).await.map_err(internal)?;
        let span = file.take(span.end - span.start);
        Ok(StreamingBlob::wrap(ReaderStream::with_capacity(span, READ)))
    }

    /// Whether there is no such object.
    async fn is_gone(&self, key: &str) -> bool {
        matches!(tokio::fs::try_exists(self.paths.object(key)).await, Ok(false))
    }

    /// What to say of an object that could not be looked at: where it has been removed meanwhile, that there is none.
    async fn failed(&self, key: &str, error: S3Error) -> S3Error {
        if *error.code() == S3ErrorCode::InternalError && self.is_gone(key).await {
            return S3ErrorCode::NoSuchKey.into();
        }
        log(&error);
        error
    }
}

#[tonic::async_trait]
impl S3 for Disk {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let key = request.input.key.clone();
        let conditional = request.input.if_match.is_some() || request.input.if_none_match.is_some();
        let _turn = if conditional { Some(self.conditional.lock().await) } else { None };
        let response = self.files.put_object(request).await.inspect_err(log)?;
        self.persist(key).await?;
        Ok(response)
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let (key, range) = (request.input.key.clone(), request.input.range);
        match self.files.get_object(request).await {
            Ok(mut response) => {
                response.output.body = Some(self.body(&key, range).await?);
                Ok(response)
            }
            Err(error) => Err(self.failed(&key, error).await),
        }
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let key = request.input.key.clone();
        match self.files.head_object(request).await {
            Err(error) => Err(self.failed(&key, error).await),
            // Its companions go after it: what was read of them may be nothing.
            Ok(_) if self.is_gone(&key).await => Err(S3ErrorCode::NoSuchKey.into()),
            found => found,
        }
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        let (paths, key) = (self.paths.clone(), request.input.key.clone());
        let response = match self.files.delete_object(request).await {
            Ok(response) => response,
            Err(error) => match self.failed(&key, error).await {
                // As wanted, though by another.
                error if *error.code() == S3ErrorCode::NoSuchKey => S3Response::new(DeleteObjectOutput::default()),
                error => return Err(error),
            },
        };
        blocking(move || paths.remove_companions(&key)).await?;
        Ok(response)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.files.create_multipart_upload(request).await.inspect_err(log)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(request).await.inspect_err(log)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let key = request.input.key.clone();
        let response = self.files.complete_multipart_upload(request).await.inspect_err(log)?;
        self.persist(key).await?;
        Ok(response)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.files.abort_multipart_upload(request).await.inspect_err(log)
    }
}

async fn blocking<F>(work: F) -> S3Result<()>
where
    F: FnOnce() -> io::Result<()> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|outcome| outcome).map_err(internal)
}

fn internal(error: io::Error) -> S3Error {
    let error = S3Error::internal_error(error);
    log(&error);
    error
}

/// The cause of a failure does not travel in S3's answers: it is said here.
fn log(error: &S3Error) {
    if *error.code() == S3ErrorCode::InternalError {
        tracing::error!(cause = error.source().map(ToString::to_string), "the folder cannot be read or written");
    }
}
