//! What a client of the file service sees.

use std::{
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use chatroom_kit::{clock::Clock, testing::unserved};
use chatroom_proto::file::v1::{ByteRange, UploadFileHeader, byte_range::Start, upload_file_request::Part};
use chrono::DateTime;
use futures::{StreamExt as _, future, stream};
use tonic::Code;

use crate::{
    client::{Service, created, end, failure, parts},
    setup::{self, bytes, soon},
};

const CHUNK: usize = 256 << 10;
const PART: usize = 5 << 20;

/// A file that begins like a ZIP archive.
fn archive(size: usize) -> Bytes {
    [b"PK\x03\x04\x14\x00\x00\x00", &bytes(size)[8..]].concat().into()
}

fn from(first: i64, last: Option<i64>) -> ByteRange {
    ByteRange { start: Some(Start::First(first)), last }
}

fn suffix(length: i64) -> ByteRange {
    ByteRange { start: Some(Start::Suffix(length)), last: None }
}

#[tokio::test]
async fn a_large_file_comes_back_as_it_went() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    let content = archive(60 << 20);
    let file = client.upload("", &content).await.unwrap();
    assert_eq!((file.content_type.as_str(), file.size), ("application/zip", 60 << 20));
    let (header, read) = client.download(&file.name, None).await.unwrap();
    assert!(read == content);
    assert_eq!((header.first, header.length), (0, file.size));
    assert_eq!(header.file, Some(file.clone()));
    assert_eq!(client.describe(&file.name).await.unwrap(), file);
}

#[tokio::test]
async fn a_name_is_the_servers_own() {
    let fresh = setup::embedded().await;
    let clock = Clock::standing_at("2023-08-21T23:59:59.999Z".parse().unwrap());
    let client = Service::at(clock, &fresh.objects, &[]).user();
    let content = Bytes::from_static(b"GIF89a\x01\0\x01\0\0\0\0;");
    let first = client.upload("../../20230821/evil.svg", &content).await.unwrap();
    let second = client.upload("", &content).await.unwrap();
    for file in [&first, &second] {
        assert!(chatroom_kit::fields::is_file_name(&file.name), "{}", file.name);
        assert!(file.name.starts_with("20230821/") && file.name.contains(".gif"), "{}", file.name);
        assert_eq!(created(file).timestamp_millis(), 1_692_662_399_999);
    }
    assert_ne!(first.name, second.name);
}

#[tokio::test]
async fn every_kind_on_the_list_is_taken() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    let office = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap().to_le_bytes();
        [b"PK\x03\x04\x14\0\0\0\x08\0", &[0; 16][..], &length, &[0, 0], part].concat()
    };
    let compound = |stream: &[u8]| [b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &[0; 504][..], stream, &[0; 100]].concat();
    for (content, extension, content_type) in [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01".to_vec(), "png", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01".to_vec(), "jpg", "image/jpeg"),
        (b"GIF87a\x01\0\x01\0".to_vec(), "gif", "image/gif"),
        (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0".to_vec(), "webp", "image/webp"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf".to_vec(), "avif", "image/avif"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec(), "heic", "image/heic"),
        (b"\0\0\0\x18ftypisom\0\0\x02\0isommp41".to_vec(), "mp4", "video/mp4"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm".to_vec(), "webm", "video/webm"),
        (b"ID3\x04\0\0\0\0\x02\x01".to_vec(), "mp3", "audio/mpeg"),
        (b"\0\0\0\x18ftypM4A \0\0\x02\0isomiso2".to_vec(), "m4a", "audio/mp4"),
        (b"OggS\0\x02\0\0\0\0".to_vec(), "ogg", "audio/ogg"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0".to_vec(), "wav", "audio/wav"),
        (b"%PDF-1.7\n".to_vec(), "pdf", "application/pdf"),
        (office(b"a.txt"), "zip", "application/zip"),
        (
            office(b"word/document.xml"),
            "docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (office(b"xl/workbook.xml"), "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        (
            office(b"ppt/presentation.xml"),
            "pptx",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        (compound(b"\xec\xa5\xc1\0"), "doc", "application/msword"),
        (compound(b"\x09\x08\x10\0\0\x06\x05\0"), "xls", "application/vnd.ms-excel"),
        (compound(b"\x0f\0\xe8\x03"), "ppt", "application/vnd.ms-powerpoint"),
    ] {
        let content = Bytes::from(content);
        let file = client.upload("", &content).await.unwrap();
        assert!(file.name.ends_with(&format!(".{extension}")), "{} for {extension}", file.name);
        assert_eq!(file.content_type, content_type);
        let (header, read) = client.download(&file.name, None).await.unwrap();
        assert_eq!((header.file.unwrap().content_type.as_str(), read), (content_type, content));
    }
}

/// Refused by the first bytes: the streams never end.
#[tokio::test]
async fn everything_else_is_refused_at_once() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    for start in [
        &b"<!DOCTYPE html><script>alert(1)</script>"[..],
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?><x/>",
        b"#!/bin/sh\nrm -rf /",
        b"alert(document.domain)",
        b"just some text",
        b"GIF89a\x01\0<script>alert(1)</script>",
        b"GIF89a/*<html>*/=1;alert(1)",
        b"MZ\x90\0",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    ] {
        let mut content = start.to_vec();
        content.resize(4096, b' ');
        let refused = soon(client.upload_endlessly("", &content.into())).await;
        let (code, reason) = failure(refused);
        assert_eq!((code, reason.reason.as_str()), (Code::InvalidArgument, "UNSUPPORTED_FILE_TYPE"), "{start:?}");
    }
    assert!(fresh.behind.contents().await.is_empty());
}

#[tokio::test]
async fn the_token_comes_before_the_bytes() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).nobody();
    let refused = soon(client.send(Vec::new(), stream::pending())).await;
    let (code, reason) = failure(refused);
    assert_eq!((code, reason.reason.as_str()), (Code::Unauthenticated, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn malformed_uploads_are_refused() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    let header = || Part::Header(UploadFileHeader::default());
    let chunk = |size| Part::Chunk(archive(size));
    let long = Part::Header(UploadFileHeader { request_id: "x".repeat(65) });
    for (parts, field, problem) in [
        (vec![], "header", "MISSING"),
        (vec![chunk(100)], "header", "MISSING"),
        (vec![header(), end(0)], "file", "MISSING"),
        (vec![header(), Part::Chunk(Bytes::new()), end(0)], "file", "MISSING"),
        (vec![header(), chunk(100)], "end", "MISSING"),
        ([vec![header()], vec![chunk(CHUNK); PART / CHUNK + 1]].concat(), "end", "MISSING"),
        (vec![header(), chunk(100), end(99)], "size", "MALFORMED"),
        (vec![header(), chunk(100), end(101)], "size", "MALFORMED"),
        (vec![header(), header()], "header", "MALFORMED"),
        (vec![header(), chunk(100_000), header()], "header", "MALFORMED"),
        (vec![header(), chunk(CHUNK + 1)], "chunk", "TOO_LONG"),
        (vec![header(), chunk(2 * CHUNK)], "part", "MALFORMED"),
        (vec![long], "request_id", "TOO_LONG"),
    ] {
        let (code, reason) = failure(client.send(parts, stream::empty()).await);
        assert_eq!((code, reason.reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
        assert_eq!((&*reason.metadata["field"], &*reason.metadata["problem"]), (field, problem));
    }
    fresh.behind.is_empty().await;
}

#[tokio::test]
async fn the_limit_holds_while_bytes_stream_in() {
    let fresh = setup::embedded().await;
    let limit = 2 * PART + 1000;
    let client = Service::local(&fresh.objects, &[&format!("--upload-max-bytes={limit}")]).user();
    client.upload("", &archive(limit)).await.unwrap();
    let before = fresh.behind.contents().await;
    let (code, reason) = failure(soon(client.upload_endlessly("", &archive(limit + 1))).await);
    assert_eq!((code, reason.reason.as_str()), (Code::ResourceExhausted, "FILE_TOO_LARGE"));
    assert_eq!(reason.metadata["limit"], limit.to_string());
    setup::until("the refused file is gone", async || fresh.behind.contents().await == before).await;
}

#[tokio::test]
async fn a_day_has_its_volume() {
    let fresh = setup::embedded().await;
    let clock = Clock::standing_at("2023-08-21T18:00:00Z".parse().unwrap());
    let service = Service::at(clock.clone(), &fresh.objects, &["--upload-daily-bytes=100000"]);
    let client = service.user();
    client.upload("", &archive(60_000)).await.unwrap();
    let (code, reason) = failure(client.upload("", &archive(40_001)).await);
    assert_eq!((code, reason.reason.as_str()), (Code::ResourceExhausted, "DAILY_VOLUME_EXCEEDED"));
    assert_eq!(reason.retry_after, Some(Duration::from_hours(6)));
    client.upload("", &archive(40_000)).await.unwrap();
    service.user().upload("", &archive(100_000)).await.unwrap();
    clock.advance(Duration::from_hours(6));
    client.upload("", &archive(100_000)).await.unwrap();
}

#[tokio::test]
async fn only_so_many_upload_at_once() {
    let fresh = setup::embedded().await;
    let service = Service::local(&fresh.objects, &["--upload-concurrency=1"]);
    let client = service.user();
    let endless = archive(3 * PART);
    let first = client.upload_endlessly("", &endless);
    let second = async {
        setup::until("the first is under way", async || !fresh.behind.contents().await.is_empty()).await;
        service.user().upload("", &archive(100)).await
    };
    let refused = tokio::select! {
        outcome = first => panic!("it ended: {outcome:?}"),
        outcome = second => outcome,
    };
    let (code, reason) = failure(refused);
    assert_eq!((code, reason.reason.as_str()), (Code::Unavailable, "OVERLOADED"));
    assert!(reason.retry_after.is_some());
    // Its caller is gone by now, and so is its turn.
    client.upload("", &archive(100)).await.unwrap();
}

#[tokio::test]
async fn one_user_does_not_take_every_place() {
    let fresh = setup::embedded().await;
    let service = Service::local(&fresh.objects, &["--upload-concurrency=3", "--upload-concurrency-per-user=2"]);
    let client = service.user();
    let endless = archive(3 * PART);
    let uploads = future::join(client.upload_endlessly("", &endless), client.upload_endlessly("", &endless));
    let others = async {
        setup::until("both are under way", async || fresh.behind.contents().await.len() >= 2).await;
        let third = client.upload("", &archive(100)).await;
        service.user().upload("", &archive(100)).await.unwrap();
        third
    };
    let refused = tokio::select! {
        outcome = uploads => panic!("they ended: {outcome:?}"),
        outcome = others => outcome,
    };
    let (code, reason) = failure(refused);
    assert_eq!((code, reason.reason.as_str()), (Code::ResourceExhausted, "RATE_LIMITED"));
    assert!(reason.retry_after.is_some());
    client.upload("", &archive(100)).await.unwrap();
}

/// The gateway gathers 64 KiB before it sends them, and a client may take 30 s for 16 KiB.
#[tokio::test(start_paused = true)]
async fn who_sends_just_fast_enough_is_waited_for_and_who_sends_nothing_is_not() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    let slowly = stream::iter([archive(64 << 10), bytes(64 << 10), bytes(100)]).then(async |piece| {
        tokio::time::sleep(Duration::from_mins(2)).await;
        Part::Chunk(piece)
    });
    let slowly = slowly.chain(stream::iter([end((128 << 10) + 100)]));
    let file = client.send(parts("", &Bytes::new()), slowly).await.unwrap();
    assert_eq!(file.size, (128 << 10) + 100);
    let (code, reason) = failure(client.upload_endlessly("", &archive(100)).await);
    assert_eq!((code, reason.reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn an_upload_whose_caller_leaves_leaves_nothing() {
    let fresh = setup::embedded().await;
    let near = Service::local(&fresh.objects, &[]);
    let (far, _server) = Service::far(&fresh.objects).await;
    for client in [near.user(), far.user()] {
        let content = archive(3 * PART);
        let upload = client.upload_endlessly("", &content);
        let under_way = setup::until("it is under way", async || !fresh.behind.contents().await.is_empty());
        tokio::select! {
            outcome = upload => panic!("it ended: {outcome:?}"),
            () = under_way => {}
        }
        fresh.behind.is_empty().await;
    }
}

#[tokio::test]
async fn a_file_crosses_the_network() {
    let fresh = setup::embedded().await;
    let (service, _server) = Service::far(&fresh.objects).await;
    let client = service.user();
    let content = archive(12_345_678);
    let file = client.upload("", &content).await.unwrap();
    let (_, read) = client.download(&file.name, None).await.unwrap();
    assert!(read == content);
    let refused = soon(client.upload_endlessly("", &Bytes::from(vec![b'x'; PART]))).await;
    assert_eq!(failure(refused).1.reason, "UNSUPPORTED_FILE_TYPE");
}

/// All share a connection: what one does not read must not use up its window.
#[tokio::test]
async fn slow_readers_hold_up_nobody() {
    let fresh = setup::embedded().await;
    let (service, _server) = Service::far(&fresh.objects).await;
    let client = service.user();
    let content = archive(8 << 20);
    let name = client.upload("", &content).await.unwrap().name;
    let mut stalled = Vec::new();
    for _ in 0..8 {
        stalled.push(soon(client.open(&name)).await);
    }
    for _ in 0..3 {
        assert!(soon(client.download(&name, None)).await.unwrap().1 == content);
    }
    drop(stalled);
}

#[tokio::test]
async fn a_slow_store_holds_up_nobody_else() {
    // Connections are made, and then nothing happens.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let objects = setup::connect(&endpoint, "files", "access", "secret").await;
    let (service, _server) = Service::far(&objects).await;
    let sent: Vec<_> = (0..4).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let chunk = archive(CHUNK);
    for sent in &sent {
        let (client, sent, chunk) = (service.user(), sent.clone(), chunk.clone());
        let more = stream::repeat_with(move || {
            sent.fetch_add(CHUNK, Ordering::Relaxed);
            Part::Chunk(chunk.clone())
        });
        tokio::spawn(async move { client.send(parts("", &Bytes::new()), more).await });
    }
    let stuck = async || sent.iter().all(|sent| sent.load(Ordering::Relaxed) > 2 * PART);
    setup::until("every upload waits for the store", stuck).await;
    for _ in 0..10 {
        assert_eq!(failure(soon(service.user().describe("nothing")).await).0, Code::NotFound);
    }
}

#[tokio::test]
async fn a_repeated_request_answers_the_first_file() {
    let fresh = setup::embedded().await;
    let clock = Clock::standing_at(DateTime::from_timestamp(1_692_591_413, 0).unwrap());
    let service = Service::at(clock.clone(), &fresh.objects, &[]);
    let client = service.user();
    let first = client.upload("one", &archive(100)).await.unwrap();
    clock.advance(Duration::from_hours(23));
    // Not even read: it never ends.
    assert_eq!(soon(client.send(parts("one", &Bytes::new()), stream::pending())).await.unwrap(), first);
    assert_ne!(client.upload("two", &archive(100)).await.unwrap().name, first.name);
    assert_ne!(service.user().upload("one", &archive(100)).await.unwrap().name, first.name);
    clock.advance(Duration::from_hours(1));
    let second = client.upload("one", &archive(200)).await.unwrap();
    assert_eq!((second.size, second.name == first.name), (200, false));
    assert_eq!(client.upload("one", &archive(300)).await.unwrap(), second);
    assert_eq!(client.describe(&first.name).await.unwrap(), first);
}

#[tokio::test]
async fn a_file_is_its_uploaders_own() {
    let fresh = setup::embedded().await;
    let service = Service::local(&fresh.objects, &[]);
    let client = service.user();
    let file = client.upload("", &archive(100)).await.unwrap();
    assert_eq!(client.check_owner(&file.name).await.unwrap(), file);
    for (other, code) in [
        (service.user(), Code::NotFound),
        (service.nobody(), Code::Unauthenticated),
        (service.service("group"), Code::Unauthenticated),
    ] {
        assert_eq!(failure(other.check_owner(&file.name).await).0, code);
    }
    let nothing = "20230821/7e23cd7207e15d29589565701.zip";
    assert_eq!(failure(client.check_owner(nothing).await).1.reason, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn only_the_service_that_knows_what_is_used_deletes() {
    let fresh = setup::embedded().await;
    let service = Service::local(&fresh.objects, &[]);
    let client = service.user();
    let file = client.upload("one", &archive(100)).await.unwrap();
    for other in [client.clone(), service.nobody(), service.service("gateway")] {
        assert_eq!(failure(other.delete(&file.name).await).0, Code::Unauthenticated);
    }
    let group = service.service("group");
    assert_eq!(failure(group.delete("../requests").await).0, Code::NotFound);
    client.describe(&file.name).await.unwrap();
    for _ in 0..2 {
        group.delete(&file.name).await.unwrap();
    }
    assert_eq!(failure(client.describe(&file.name).await).0, Code::NotFound);
    assert_eq!(failure(client.check_owner(&file.name).await).0, Code::NotFound);
    // The request that stored it can be made anew: its file is gone.
    assert_ne!(client.upload("one", &archive(100)).await.unwrap().name, file.name);
}

#[tokio::test]
async fn ranges_are_those_of_http() {
    let fresh = setup::embedded().await;
    let service = Service::local(&fresh.objects, &[]);
    let client = service.user();
    let content = archive(1000);
    let name = client.upload("", &content).await.unwrap().name;
    for (range, start, end) in [
        (from(0, None), 0, 1000),
        (from(0, Some(0)), 0, 1),
        (from(10, Some(19)), 10, 20),
        (from(999, None), 999, 1000),
        (from(990, Some(i64::MAX)), 990, 1000),
        (suffix(1), 999, 1000),
        (suffix(1000), 0, 1000),
        (suffix(i64::MAX), 0, 1000),
    ] {
        let (header, read) = service.nobody().download(&name, Some(range)).await.unwrap();
        assert_eq!(read, content[start..end], "{range:?}");
        let told = usize::try_from(header.first).and_then(|first| Ok((first, usize::try_from(header.length)?)));
        assert_eq!(told, Ok((start, end - start)));
        assert_eq!(header.file.unwrap().size, 1000);
    }
    for range in [from(1000, None), from(1000, Some(2000)), from(i64::MAX, None), suffix(0)] {
        let (code, reason) = failure(client.download(&name, Some(range)).await);
        assert_eq!((code, reason.reason.as_str()), (Code::OutOfRange, "RANGE_NOT_SATISFIABLE"), "{range:?}");
        assert_eq!(reason.metadata["size"], "1000");
    }
    for range in [ByteRange::default(), from(-1, None), from(5, Some(4)), suffix(-1)] {
        let (code, reason) = failure(client.download(&name, Some(range)).await);
        assert_eq!((code, reason.reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"), "{range:?}");
    }
}

#[tokio::test]
async fn what_is_no_stored_file_is_not_found() {
    let fresh = setup::embedded().await;
    let client = Service::local(&fresh.objects, &[]).user();
    let stored = client.upload("one", &archive(100)).await.unwrap().name;
    let marker = fresh.behind.contents().await.into_iter().find(|key| key.starts_with("requests/")).unwrap();
    for name in [
        "20230821/7e23cd7207e15d29589565701.png",
        "20230821/7e23cd7207e15d29589565701.html",
        "",
        "/",
        "..",
        "../../etc/passwd",
        "20230821/../../../../etc/passwd",
        &marker,
        &format!("/{stored}"),
        &format!("{stored}\0"),
        &format!("./{stored}"),
        &stored.replace('/', "//"),
        &stored.replace(".zip", ".png"),
        &stored.to_uppercase(),
        &"x".repeat(10_000),
    ] {
        for outcome in [client.describe(name).await.map(drop), client.download(name, None).await.map(drop)] {
            let (code, reason) = failure(outcome);
            assert_eq!((code, reason.reason.as_str()), (Code::NotFound, "FILE_NOT_FOUND"), "{name}");
        }
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_unavailable_and_costs_no_volume() {
    let (address, _unserved) = unserved();
    let objects = setup::connect(&format!("http://{address}"), "files", "access", "secret").await;
    let client = Service::local(&objects, &["--upload-daily-bytes=100"]).user();
    let name = "20230821/7e23cd7207e15d29589565701.png";
    for outcome in [
        soon(client.upload("", &archive(100))).await.map(drop),
        soon(client.upload("", &archive(100))).await.map(drop),
        soon(client.upload("one", &archive(100))).await.map(drop),
        soon(client.describe(name)).await.map(drop),
        soon(client.download(name, None)).await.map(drop),
        soon(client.download(name, Some(suffix(1)))).await.map(drop),
    ] {
        let message = outcome.as_ref().unwrap_err().message().to_owned();
        let (code, reason) = failure(outcome);
        assert_eq!((code, reason.reason.as_str()), (Code::Unavailable, "STORAGE_UNAVAILABLE"));
        assert!(!message.contains("127.0.0.1"), "{message}");
    }
}
