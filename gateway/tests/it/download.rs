//! Downloads: headers, ranges, preconditions.

use bytes::Bytes;
use chatroom_gateway::Patience;
use chatroom_kit::error::{status, status_with};
use chatroom_proto::file::v1::{
    ByteRange, DownloadFileHeader, DownloadFileRequest, DownloadFileResponse, File, GetFileRequest, GetFileResponse,
    byte_range::Start, download_file_response::Part,
};
use futures::{StreamExt as _, stream};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use tokio::time::timeout;
use tonic::{Code, Status};

use crate::{
    services::{Items, Services},
    world::{SOON, World, refusal, send},
};

const CONTENT: &[u8] = b"0123456789";
const PICTURE: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";
const DOCUMENT: &str = "/upload/20230821/7e23cd7207e15d29589565701.pdf";
const BROKEN: &str = "/upload/20230821/0000000000000000000000000.png";
const ETAG: &str = "\"7e23cd7207e15d29589565701\"";

fn describe(name: &str) -> Result<File, Status> {
    let content_type = match name.split_once('.').map(|(_, extension)| extension) {
        Some("png") => "image/png",
        Some("pdf") => "application/pdf",
        _ => return Err(status(Code::NotFound, "FILE_NOT_FOUND", "no such file")),
    };
    let size = CONTENT.len().try_into().unwrap();
    Ok(File { name: name.to_owned(), content_type: content_type.to_owned(), size, create_time: None })
}

/// Which bytes of the content are asked for, as the contract of the file service has it.
fn select(range: Option<ByteRange>) -> Result<std::ops::Range<usize>, Status> {
    let size = CONTENT.len();
    let number = |number: i64| usize::try_from(number).unwrap();
    let selected = match range {
        None => 0..size,
        Some(ByteRange { start: Some(Start::Suffix(length)), .. }) => size.saturating_sub(number(length))..size,
        Some(ByteRange { start: Some(Start::First(first)), last }) => {
            number(first)..last.map_or(size, |last| size.min(number(last).saturating_add(1)))
        }
        Some(ByteRange { start: None, .. }) => panic!("a range from nowhere"),
    };
    if selected.is_empty() {
        let size = [("size", size.to_string())];
        return Err(status_with(Code::OutOfRange, "RANGE_NOT_SATISFIABLE", "beyond the end", size));
    }
    Ok(selected)
}

fn download(request: &DownloadFileRequest) -> Result<Items<DownloadFileResponse>, Status> {
    let file = describe(&request.name)?;
    let selected = select(request.range)?;
    let (first, length) = (selected.start.try_into().unwrap(), selected.len().try_into().unwrap());
    let part = |part| Ok(DownloadFileResponse { part: Some(part) });
    let mut parts = vec![part(Part::Header(DownloadFileHeader { file: Some(file), first, length }))];
    parts.extend(CONTENT[selected].chunks(4).map(|chunk| part(Part::Chunk(Bytes::copy_from_slice(chunk)))));
    if BROKEN.ends_with(&request.name) {
        parts.truncate(2);
        parts.push(Err(Status::unavailable("the storage went away")));
    }
    Ok(Box::pin(stream::iter(parts)))
}

async fn world() -> World {
    World::new(Services::default().answers_stream("/chatroom.file.v1.FileService/DownloadFile", download).unary(
        "/chatroom.file.v1.FileService/GetFile",
        |request: tonic::Request<GetFileRequest>| {
            Ok(GetFileResponse { file: Some(describe(&request.get_ref().name)?) })
        },
    ))
    .await
}

/// The headers of an answer that are the route's own.
fn own(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut own: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"))
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    own.sort();
    own
}

fn headers(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn a_file_and_its_description_have_the_same_headers() {
    let world = world().await;
    for method in [Method::GET, Method::HEAD] {
        let response = send(world.request(method.clone(), PICTURE).header("range", "lines=1-2")).await;
        assert_eq!(response.status(), 200);
        let expected = [
            ("accept-ranges", "bytes"),
            ("cache-control", "public, max-age=31536000, immutable"),
            ("content-length", "10"),
            ("content-security-policy", "default-src 'none'; sandbox"),
            ("content-type", "image/png"),
            ("etag", ETAG),
            ("x-content-type-options", "nosniff"),
        ];
        assert_eq!(own(response.headers()), headers(&expected), "{method}");
        let expected = if method == Method::GET { CONTENT } else { b"" };
        assert_eq!(response.bytes().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_a_browser_would_do_more_with_than_show_is_an_attachment() {
    let world = world().await;
    for method in [Method::GET, Method::HEAD] {
        let response = send(world.request(method, DOCUMENT)).await;
        assert_eq!(response.headers()["content-disposition"], "attachment");
    }
}

#[tokio::test]
async fn ranges() {
    let world = world().await;
    for (range, status, content_range, body) in [
        ("bytes=0-3", 206, "bytes 0-3/10", "0123"),
        ("bytes=4-", 206, "bytes 4-9/10", "456789"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=-99", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=9-99", 206, "bytes 9-9/10", "9"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=99999999999999999999-", 416, "bytes */10", ""),
        ("bytes=-0", 416, "bytes */10", ""),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
        ("bytes=4-3", 200, "", "0123456789"),
        ("nonsense", 200, "", "0123456789"),
    ] {
        let response = send(world.request(Method::GET, PICTURE).header("range", range)).await;
        assert_eq!(response.status(), status, "{range}");
        let said = response.headers().get("content-range").map_or("", |value| value.to_str().unwrap());
        assert_eq!(said, content_range, "{range}");
        let text = response.text().await.unwrap();
        if status == 416 {
            assert!(text.contains("RANGE_NOT_SATISFIABLE"), "{text}");
        } else {
            assert_eq!(text, body, "{range}");
        }
    }
    let many = format!("bytes={}", ["0-9"; 1000].join(","));
    assert_eq!(send(world.request(Method::GET, PICTURE).header("range", many)).await.status(), 200);
}

#[tokio::test]
async fn preconditions() {
    let world = world().await;
    let get = |path: &str, headers: &[(&str, &str)]| {
        let request = world.request(Method::GET, path);
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let status = async |request: RequestBuilder| send(request).await.status().as_u16();
    for known in [ETAG, "W/\"7e23cd7207e15d29589565701\"", "\"a\", \"7e23cd7207e15d29589565701\"", "*"] {
        let response = send(get(PICTURE, &[("if-none-match", known), ("range", "bytes=0-1")])).await;
        assert_eq!(response.status(), 304, "{known}");
        assert_eq!(response.headers()["etag"], ETAG);
        assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
        assert!(response.bytes().await.unwrap().is_empty());
        let head = world.request(Method::HEAD, PICTURE).header("if-none-match", known);
        assert_eq!(status(head).await, 304, "{known}");
    }
    assert_eq!(status(get(PICTURE, &[("if-none-match", "\"a\"")])).await, 200);
    let missing = "/upload/20230821/7e23cd7207e15d29589565701.gif";
    assert_eq!(status(get(missing, &[("if-none-match", "*")])).await, 404);
    assert_eq!(status(get(PICTURE, &[("range", "bytes=0-1"), ("if-range", ETAG)])).await, 206);
    assert_eq!(status(get(PICTURE, &[("range", "bytes=0-1"), ("if-range", "\"a\"")])).await, 200);
}

#[tokio::test]
async fn what_is_no_stored_name_is_not_found() {
    let world = world().await;
    for path in [
        "/upload/20230821/7e23cd7207e15d29589565701.gif",
        "/upload/20230821/x.html",
        "/upload/20230821/%37e23cd7207e15d29589565701.png",
        "/upload/20230821/..%2f20230821%2f7e23cd7207e15d29589565701.png",
        "/upload/%2e%2e/7e23cd7207e15d29589565701.png",
        "/upload/20230821/7e23cd7207e15d29589565701.png%00",
        "/upload/20230821/%ff",
        "/upload/20230821/7E23CD7207E15D29589565701.png",
        "/upload/20230821/",
        "/upload/20230821",
        "/upload/",
    ] {
        assert_eq!(refusal(world.request(Method::GET, path)).await.0, 404, "{path}");
        let head = send(world.request(Method::HEAD, path)).await;
        assert_eq!(head.status(), 404, "{path}");
        assert!(head.bytes().await.unwrap().is_empty());
    }
    let raw =
        "GET /upload/../upload/20230821/7e23cd7207e15d29589565701.png HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    assert!(crate::raw::exchange(world.address, raw).await.starts_with("HTTP/1.1 404 "));
}

#[tokio::test]
async fn a_download_that_breaks_is_not_taken_for_whole() {
    let world = world().await;
    let read = async { world.request(Method::GET, BROKEN).send().await?.bytes().await };
    assert!(timeout(SOON, read).await.expect("an end in time").is_err());
}

#[tokio::test]
async fn so_many_files_are_sent_at_once_and_so_many_to_one_address() {
    let endless = |request: &DownloadFileRequest| {
        let header = DownloadFileHeader { file: Some(describe(&request.name)?), first: 0, length: 10 };
        let header = Ok(DownloadFileResponse { part: Some(Part::Header(header)) });
        Ok(Box::pin(stream::iter([header]).chain(stream::pending())) as Items<DownloadFileResponse>)
    };
    let services = Services::default().answers_stream("/chatroom.file.v1.FileService/DownloadFile", endless);
    let flags = ["--max-downloads", "2", "--max-downloads-per-address", "1", "--trusted-proxies", "127.0.0.1"];
    let world = World::with(services, &flags, Patience::default()).await;
    let from = |address: &str| world.request(Method::GET, PICTURE).header("x-forwarded-for", address);
    let first = send(from("203.0.113.7")).await;
    assert_eq!(first.status(), 200);
    assert_eq!(send(from("203.0.113.7")).await.status(), 429, "its own are under way");
    let other = send(from("203.0.113.8")).await;
    assert_eq!(other.status(), 200);
    assert_eq!(send(from("203.0.113.9")).await.status(), 503, "all are under way");
}
