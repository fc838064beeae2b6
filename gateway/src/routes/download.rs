//! Downloads: `GET` and `HEAD /upload/<date>/<name>`. No token: the app shows these in `<img>`. A stored file never
//! changes, so its name is its version.

mod precondition;
mod range;

use axum::{body::Body, extract::State, response::Response};
use chatroom_kit::{error::INTERNAL, fields::is_file_name};
use chatroom_proto::file::v1::{
    DownloadFileHeader, DownloadFileRequest, DownloadFileResponse, File, GetFileRequest, download_file_response::Part,
};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use tonic::{Status, Streaming};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    address::ClientAddress,
    envelope::ErrorEnvelope,
    error::{FILE_NOT_FOUND, Refusal, filled},
    openapi::NotServed,
    places::Place,
    state::App,
};

/// Stored files never change.
const CACHED: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Whatever a file turns out to be, nothing in it runs.
const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
/// What a browser can only show, and so may.
const SHOWN: [&str; 3] = ["image/", "audio/", "video/"];

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(download, describe))
}

/// Get a file, or one range of it
#[utoipa::path(
    get, path = "/upload/{date}/{name}", tag = "upload", operation_id = "download",
    params(
        ("date" = String, Path, description = "When it was stored, in UTC", pattern = "^[0-9]{8}$"),
        ("name" = String, Path, description = "Its name", pattern = "^[0-9a-f]{25}\\.[0-9a-z]{2,5}$"),
        ("Range" = Option<String>, Header, description = "One range of bytes; several are answered with the whole file"),
        ("If-Range" = Option<String>, Header, description = "The ETag for which the range is meant"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client has")
    ),
    responses(
        (status = 200, description = "The file", content_type = "*/*", body = Vec<u8>,
         headers(("ETag" = String), ("Cache-Control" = String), ("Content-Disposition" = String))),
        (status = 206, description = "The range", content_type = "*/*", body = Vec<u8>,
         headers(("Content-Range" = String), ("ETag" = String), ("Cache-Control" = String))),
        (status = 304, description = "The client has it", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "`FILE_NOT_FOUND` or `NOT_FOUND`", body = ErrorEnvelope<'static>),
        (status = 416, description = "`RANGE_NOT_SATISFIABLE`", body = ErrorEnvelope<'static>,
         headers(("Content-Range" = String))),
        NotServed
    )
)]
async fn download(
    State(app): State<App>,
    address: ClientAddress,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let name = name(&uri)?;
    let etag = etag(name);
    if precondition::has(&headers, &etag) {
        let file = describe_file(&app, name).await?;
        return respond(StatusCode::NOT_MODIFIED, &file, etag, Body::empty());
    }
    let place = app.downloads.take(Some(address.subscriber()))?;
    let range = precondition::wants_range(&headers, &etag).then(|| range::requested(&headers)).flatten();
    let status = if range.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let request = DownloadFileRequest { name: name.to_owned(), range };
    let mut stream = app.file().download_file(request).await?.into_inner();
    let header = first(&mut stream).await?;
    let file = filled(header.file.as_ref())?;
    let mut response = respond(status, file, etag, Body::from_stream(chunks(stream, place)))?;
    response.headers_mut().insert(header::CONTENT_LENGTH, header.length.into());
    if status == StatusCode::PARTIAL_CONTENT {
        response.headers_mut().insert(header::CONTENT_RANGE, range::content_range(&header, file.size)?);
    }
    Ok(response)
}

/// Describe a file without sending it
#[utoipa::path(
    head, path = "/upload/{date}/{name}", tag = "upload", operation_id = "describeUpload",
    params(
        ("date" = String, Path, description = "When it was stored, in UTC", pattern = "^[0-9]{8}$"),
        ("name" = String, Path, description = "Its name", pattern = "^[0-9a-f]{25}\\.[0-9a-z]{2,5}$"),
        ("If-None-Match" = Option<String>, Header, description = "ETags that the client has")
    ),
    responses(
        (status = 200, description = "The headers that GET answers",
         headers(("ETag" = String), ("Cache-Control" = String), ("Content-Length" = u64))),
        (status = 304, description = "The client has it", headers(("ETag" = String), ("Cache-Control" = String))),
        (status = 404, description = "There is no such file"),
        (status = 429, description = "Too much is under way from this address", headers(("Retry-After" = u64))),
        (status = 500, description = "A fault of the server"),
        (status = 503, description = "Try again", headers(("Retry-After" = u64))),
        (status = 504, description = "It took too long")
    )
)]
async fn describe(State(app): State<App>, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let name = name(&uri)?;
    let etag = etag(name);
    let file = describe_file(&app, name).await?;
    if precondition::has(&headers, &etag) {
        return respond(StatusCode::NOT_MODIFIED, &file, etag, Body::empty());
    }
    let mut response = respond(StatusCode::OK, &file, etag, Body::empty())?;
    response.headers_mut().insert(header::CONTENT_LENGTH, file.size.into());
    Ok(response)
}

/// The file that a path names. The path is taken as it was sent: no name of ours needs an escape, and whatever has one
/// is no name of ours.
fn name(uri: &Uri) -> Result<&str, Refusal> {
    let name = uri.path().strip_prefix("/upload/").filter(|name| is_file_name(name));
    name.ok_or_else(|| Refusal::new(FILE_NOT_FOUND))
}

/// The quoted stem of a file's name.
fn etag(name: &str) -> HeaderValue {
    let file = name.split_once('/').map_or(name, |(_, file)| file);
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    // A name of ours has nothing that a header could not.
    HeaderValue::try_from(format!("\"{stem}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

async fn describe_file(app: &App, name: &str) -> Result<File, Refusal> {
    let request = GetFileRequest { name: name.to_owned() };
    filled(app.file().get_file(request).await?.into_inner().file)
}

/// The message that describes what follows.
async fn first(stream: &mut Streaming<DownloadFileResponse>) -> Result<DownloadFileHeader, Refusal> {
    match stream.message().await?.and_then(|message| message.part) {
        Some(Part::Header(header)) => Ok(header),
        _ => filled(None),
    }
}

/// The file's bytes. While they are sent, as slowly as the reader takes them, they hold memory and so a place.
fn chunks(stream: Streaming<DownloadFileResponse>, place: Place) -> impl Stream<Item = Result<bytes::Bytes, Status>> {
    stream.map(move |message| {
        let _held = &place;
        chunk(message)
    })
}

fn chunk(message: Result<DownloadFileResponse, Status>) -> Result<bytes::Bytes, Status> {
    match message?.part {
        Some(Part::Chunk(chunk)) => Ok(chunk),
        // The connection is cut, so that nobody takes what came for the whole.
        _ => Err(Status::internal("a download has a message that is no chunk")),
    }
}

fn respond(status: StatusCode, file: &File, etag: HeaderValue, body: Body) -> Result<Response, Refusal> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, CACHED);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    if status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let content_type = HeaderValue::try_from(&file.content_type).map_err(|_| Refusal::new(INTERNAL))?;
    headers.insert(header::CONTENT_TYPE, content_type);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !SHOWN.iter().any(|kind| file.content_type.starts_with(kind)) {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    Ok(response)
}
