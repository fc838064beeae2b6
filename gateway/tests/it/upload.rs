//! Uploads: what the file service gets, and when it gets nothing.

use std::time::Duration;

use chatroom_gateway::Patience;
use chatroom_kit::{error::status, lifecycle, link::Link};
use chatroom_proto::file::v1::{File, UploadFileRequest, UploadFileResponse, upload_file_request::Part};
use http::Uri;
use reqwest::{Method, multipart};
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, Streaming};

use crate::{
    raw::Connection,
    services::Services,
    world::{SOON, World, refusal, send, token},
};

const NAME: &str = "20230821/7e23cd7207e15d29589565701.png";

/// How an upload came to the file service.
#[derive(Debug)]
struct Seen {
    request_id: String,
    /// The sizes of its chunks.
    chunks: Vec<usize>,
    bytes: Vec<u8>,
    /// Whether the file was said to be whole.
    whole: bool,
}

/// A file service that says what it has seen, and refuses files that begin with `refuse`.
fn file_service() -> (Services, mpsc::UnboundedReceiver<Seen>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let services = Services::default().takes_stream("/chatroom.file.v1.FileService/UploadFile", move |stream| {
        let sender = sender.clone();
        async move { store(stream, sender).await }
    });
    (services, receiver)
}

async fn store(
    mut stream: Streaming<UploadFileRequest>,
    sender: mpsc::UnboundedSender<Seen>,
) -> Result<UploadFileResponse, Status> {
    let mut seen = Seen { request_id: String::new(), chunks: Vec::new(), bytes: Vec::new(), whole: false };
    loop {
        match stream.message().await {
            Ok(Some(UploadFileRequest { part: Some(Part::Header(header)) })) => seen.request_id = header.request_id,
            Ok(Some(UploadFileRequest { part: Some(Part::Chunk(chunk)) })) => {
                seen.chunks.push(chunk.len());
                seen.bytes.extend(chunk);
            }
            Ok(Some(UploadFileRequest { part: Some(Part::End(end)) })) => {
                assert_eq!(usize::try_from(end.size), Ok(seen.bytes.len()));
                seen.whole = true;
            }
            Ok(Some(UploadFileRequest { part: None })) => panic!("an empty message"),
            Ok(None) | Err(_) => break,
        }
        if seen.bytes.starts_with(b"refuse") {
            return Err(status(Code::InvalidArgument, "UNSUPPORTED_FILE_TYPE", "it says so"));
        }
        if seen.request_id == "repeated" {
            break;
        }
    }
    sender.send(seen).unwrap();
    Ok(UploadFileResponse { file: Some(File { name: NAME.to_owned(), ..File::default() }) })
}

async fn seen(receiver: &mut mpsc::UnboundedReceiver<Seen>) -> Seen {
    timeout(SOON, receiver.recv()).await.expect("the service sees the end in time").unwrap()
}

fn form(bytes: Vec<u8>) -> multipart::Form {
    multipart::Form::new().text("note", "small").part("file", multipart::Part::bytes(bytes).file_name("../../a.png"))
}

#[tokio::test]
async fn a_file_arrives_whole_in_bounded_chunks() {
    let (services, mut receiver) = file_service();
    let world = World::new(services).await;
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let request = world.signed_in(Method::POST, "/upload").header("Idempotency-Key", "r-1");
    let response = send(request.multipart(form(content.clone()))).await;
    assert_eq!(
        response.text().await.unwrap(),
        r#"{"data":"/upload/20230821/7e23cd7207e15d29589565701.png","msg":"success","code":200}"#
    );
    let seen = seen(&mut receiver).await;
    assert!(seen.whole && seen.bytes == content);
    assert_eq!(seen.request_id, "r-1");
    assert!(seen.chunks.iter().all(|chunk| (1..=256 << 10).contains(chunk)), "{:?}", seen.chunks);
}

#[tokio::test]
async fn a_form_without_a_file_never_reaches_the_service() {
    let (services, mut receiver) = file_service();
    let world = World::new(services).await;
    let upload = || world.signed_in(Method::POST, "/upload");
    for request in [
        upload(),
        upload().body("{}").header("content-type", "application/json"),
        upload().multipart(multipart::Form::new()),
        upload().multipart(multipart::Form::new().text("other", "x")),
        upload().multipart(form(Vec::new())),
        upload().body("--b").header("content-type", "multipart/form-data; boundary=b"),
    ] {
        let (status, reason, msg) = refusal(request).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"));
        assert!(msg.contains("file"), "{msg}");
    }
    assert!(receiver.try_recv().is_err());
}

#[tokio::test]
async fn a_form_that_goes_wrong_behind_the_file_is_not_stored() {
    let (services, mut receiver) = file_service();
    let world = World::new(services).await;
    let twice = form(vec![1; 100]).part("file", multipart::Part::bytes(vec![2; 100]));
    let mut parts = form(vec![1; 100]);
    for _ in 0..1_000 {
        parts = parts.text("more", "x");
    }
    for form in [twice, parts] {
        let (status, reason, _) = refusal(world.signed_in(Method::POST, "/upload").multipart(form)).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"));
        assert!(!seen(&mut receiver).await.whole);
    }
}

#[tokio::test]
async fn an_ordinary_client_reads_why_a_file_was_refused_early() {
    let (services, _receiver) = file_service();
    // On a busy machine a client may take longer than two seconds to write it all.
    let patience = Patience { linger: Duration::from_secs(30), ..Patience::default() };
    let world = World::with(services, &[], patience).await;
    let mut content = vec![0; 6 << 20];
    content[..6].copy_from_slice(b"refuse");
    for _ in 0..5 {
        let request = world.signed_in(Method::POST, "/upload").multipart(form(content.clone()));
        assert_eq!(refusal(request).await.1, "UNSUPPORTED_FILE_TYPE");
    }
    // A client that writes all of it before it reads anything.
    let mut connection = Connection::open(world.address).await;
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n";
    let (length, token) = (part.len() + content.len(), token());
    let head = format!("POST /upload HTTP/1.1\r\nhost: a\r\ntoken: {token}\r\ncontent-length: {length}\r\n");
    connection.send(format!("{head}content-type: multipart/form-data; boundary=b\r\n\r\n{part}")).await;
    assert!(connection.send(&content).await, "all of it is taken");
    let answer = connection.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 415 ") && answer.contains("UNSUPPORTED_FILE_TYPE"), "{answer}");
}

#[tokio::test]
async fn a_repeated_upload_is_answered_without_being_read() {
    let (services, _receiver) = file_service();
    let world = World::new(services).await;
    let request = world.signed_in(Method::POST, "/upload").header("Idempotency-Key", "repeated");
    let answer = send(request.multipart(form(vec![0; 2 << 20]))).await;
    assert_eq!(answer.status(), 200);
    // What is left of the form is not taken for another request.
    assert_eq!(answer.headers()["connection"], "close");
}

/// Sends half of a form and goes away.
async fn break_off(world: &World) {
    let mut connection = Connection::open(world.address).await;
    let token = token();
    let head = format!("POST /upload HTTP/1.1\r\nhost: a\r\ntoken: {token}\r\ncontent-length: 1000000\r\n");
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n";
    connection.send(format!("{head}content-type: multipart/form-data; boundary=b\r\n\r\n{part}")).await;
    connection.send(vec![b'x'; 200_000]).await;
}

#[tokio::test]
async fn a_service_near_by_sees_an_upload_that_is_broken_off() {
    let (services, mut receiver) = file_service();
    let world = World::new(services).await;
    break_off(&world).await;
    let seen = seen(&mut receiver).await;
    assert!(!seen.whole, "{} bytes were taken for a file", seen.bytes.len());
}

#[tokio::test]
async fn a_service_far_away_sees_an_upload_that_is_broken_off() {
    let (services, mut receiver) = file_service();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Uri = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let stop = CancellationToken::new();
    let _stop_at_the_end = stop.clone().drop_guard();
    tokio::spawn(lifecycle::serve_rpc(listener, services.routes(), None, stop));
    let world = World::on(Link::connect(&[url], None).unwrap(), &[], Patience::default()).await;
    let whole = world.signed_in(Method::POST, "/upload").multipart(form(vec![7; 300_000]));
    assert_eq!(send(whole).await.status(), 200);
    assert!(seen(&mut receiver).await.whole);
    break_off(&world).await;
    let seen = seen(&mut receiver).await;
    assert!(!seen.whole, "{} bytes were taken for a file", seen.bytes.len());
}
