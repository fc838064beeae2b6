//! The accept loop: how long peers may take, how many there may be, and how it ends.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use chatroom_gateway::Patience;
use chatroom_kit::link::Link;
use chatroom_proto::{
    file::v1::{
        DownloadFileHeader, DownloadFileRequest, DownloadFileResponse, File, UploadFileRequest, UploadFileResponse,
        download_file_response::Part,
    },
    merchant::v1::{ListMembershipsRequest, ListMembershipsResponse},
};
use futures::{StreamExt as _, stream};
use reqwest::Method;
use tokio::{sync::oneshot, time::timeout};
use tonic::{Status, Streaming};

use crate::{
    raw::{Connection, exchange},
    services::{Items, Services},
    world::{SOON, World, send, token},
};

const HALF: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ";
const WHOLE: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
const LAST: &str = "GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

/// Long enough to be told apart on a busy machine.
const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_mins(1);

fn patience() -> Patience {
    Patience { head: LONG, idle: LONG, stall: LONG, linger: Duration::from_secs(2), budget: LONG, drain: LONG }
}

async fn world(patience: Patience) -> World {
    World::with(Services::default(), &[], patience).await
}

#[test]
fn the_documented_times_are_the_defaults() {
    let Patience { head, idle, stall, linger, budget, drain } = Patience::default();
    assert_eq!([head, idle, stall, linger, budget, drain].map(|time| time.as_secs()), [10, 75, 30, 2, 10, 8]);
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut_off_and_an_idle_connection_is_not() {
    let world = world(Patience { head: SHORT, ..patience() }).await;
    let mut idle = Connection::open(world.address).await;
    idle.send(WHOLE).await;
    idle.read_until("200}").await;
    let mut slow = Connection::open(world.address).await;
    let begun = Instant::now();
    slow.send(HALF).await;
    assert_eq!(slow.read_to_end().await, "");
    assert!(begun.elapsed() >= SHORT);
    // The second request of a connection is no different.
    let mut second = Connection::open(world.address).await;
    second.send(WHOLE).await;
    second.read_until("200}").await;
    second.send(HALF).await;
    assert_eq!(second.read_to_end().await, "");
    idle.send(WHOLE).await;
    idle.read_until("200}").await;
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let world = world(Patience { head: SHORT, ..patience() }).await;
    let mut slow = Connection::open(world.address).await;
    slow.send(HALF).await;
    let trickle = async {
        while slow.send("x").await {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    timeout(SOON, trickle).await.expect("the connection is closed");
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_a_while() {
    let world = world(Patience { idle: SHORT, ..patience() }).await;
    let mut silent = Connection::open(world.address).await;
    assert_eq!(silent.read_to_end().await, "");
    let mut idle = Connection::open(world.address).await;
    idle.send(WHOLE).await;
    idle.read_until("200}").await;
    assert_eq!(idle.read_to_end().await, "");
}

#[tokio::test]
async fn a_body_that_stalls_is_cut_off() {
    let world = world(Patience { stall: SHORT, ..patience() }).await;
    for rest in ["", "{"] {
        let mut slow = Connection::open(world.address).await;
        let token = token();
        slow.send(format!("POST /h5/group HTTP/1.1\r\nhost: a\r\ntoken: {token}\r\ncontent-length: 10\r\n\r\n{rest}"))
            .await;
        assert_eq!(slow.read_to_end().await, "");
    }
}

/// A file service whose files have no end.
fn endless() -> Services {
    Services::default().answers_stream("/chatroom.file.v1.FileService/DownloadFile", |request: &DownloadFileRequest| {
        let file =
            File { name: request.name.clone(), content_type: "video/mp4".to_owned(), size: 1 << 40, create_time: None };
        let header = DownloadFileHeader { length: file.size, file: Some(file), first: 0 };
        let chunk = || Ok(DownloadFileResponse { part: Some(Part::Chunk(vec![0; 64 << 10].into())) });
        let header = stream::once(async { Ok(DownloadFileResponse { part: Some(Part::Header(header)) }) });
        Ok(Box::pin(header.chain(stream::repeat_with(chunk))) as Items<_>)
    })
}

const DOWNLOAD: &str = "GET /upload/20230821/7e23cd7207e15d29589565701.mp4 HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    // The one place there is becomes free once the reader has been given up.
    // Others must be refused it before, which may take a moment.
    let stall = Duration::from_secs(2);
    let world = World::with(endless(), &["--max-connections", "1"], Patience { stall, ..patience() }).await;
    let mut slow = Connection::narrow(world.address).await;
    slow.send(DOWNLOAD).await;
    slow.read_until("\r\n\r\n").await;
    assert!(exchange(world.address, LAST).await.contains("OVERLOADED"));
    served_at_last(&world).await;
}

/// Waits until a connection is served.
async fn served_at_last(world: &World) {
    let served = async { while !exchange(world.address, LAST).await.contains("live") {} };
    timeout(SOON, served).await.expect("there is a place at last");
}

#[tokio::test]
async fn only_so_many_downloads_are_under_way() {
    let flags = ["--max-downloads", "3", "--max-downloads-per-address", "2", "--trusted-proxies", "127.0.0.1"];
    let world = World::with(endless(), &flags, patience()).await;
    let open = async |address: &str| {
        let mut reader = Connection::narrow(world.address).await;
        reader.send(DOWNLOAD.replace("host: a", &format!("host: a\r\nx-forwarded-for: {address}"))).await;
        let head = reader.read_until("\r\n\r\n").await;
        (head.starts_with("HTTP/1.1 200 "), reader)
    };
    let mut readers = Vec::new();
    for (address, expected) in [("198.51.100.1", true), ("198.51.100.1", true), ("198.51.100.1", false)] {
        let (served, reader) = open(address).await;
        assert_eq!(served, expected);
        readers.push(reader);
    }
    let (served, other) = open("198.51.100.2").await;
    assert!(served);
    let (served, mut refused) = open("198.51.100.3").await;
    assert!(!served);
    assert!(refused.read_until("reason").await.contains("503"));
    // Who goes away leaves their place.
    drop(other);
    let served_at_last = async { while !open("198.51.100.3").await.0 {} };
    timeout(SOON, served_at_last).await.expect("there is a place at last");
}

#[tokio::test]
async fn a_reader_that_takes_its_time_is_not_cut_off() {
    // So long that no pause of a busy machine's is taken for the reader's.
    let stall = Duration::from_secs(3);
    let world = World::with(endless(), &[], Patience { stall, ..patience() }).await;
    let mut reader = Connection::narrow(world.address).await;
    reader.send(DOWNLOAD).await;
    let begun = Instant::now();
    let mut read = 0;
    while begun.elapsed() < Duration::from_secs(7) {
        let bytes = reader.read_some().await.len();
        assert!(bytes > 0, "cut off after {read} bytes");
        read += bytes;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_431() {
    let world = world(patience()).await;
    let header = format!("x-large: {}\r\n", "x".repeat(40 << 10));
    let answer = exchange(world.address, format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{header}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let headers = "x-many: x\r\n".repeat(200);
    let answer = exchange(world.address, format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{headers}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

/// Opens connections that are served, and answers what the next one is told.
async fn next_after(world: &World, count: usize) -> (Vec<Connection>, String) {
    let mut served = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(world.address).await;
        connection.send(WHOLE).await;
        connection.read_until("200}").await;
        served.push(connection);
    }
    let mut next = Connection::open(world.address).await;
    next.send(LAST).await;
    let told = next.read_to_end().await;
    (served, told)
}

#[tokio::test]
async fn connections_are_bounded_in_all_and_a_place_is_free_again() {
    let world = World::with(Services::default(), &["--max-connections", "3"], patience()).await;
    let (served, told) = next_after(&world, 3).await;
    assert!(
        told.starts_with("HTTP/1.1 503 ") && told.contains("OVERLOADED") && told.contains("retry-after: 1"),
        "{told}"
    );
    drop(served);
    served_at_last(&world).await;
}

#[tokio::test]
async fn connections_are_bounded_by_address_but_for_trusted_proxies() {
    let flags = ["--max-connections-per-address", "2"];
    let world = World::with(Services::default(), &flags, patience()).await;
    assert!(next_after(&world, 2).await.1.contains("OVERLOADED"));
    let flags = ["--max-connections-per-address", "2", "--trusted-proxies", "127.0.0.1"];
    let world = World::with(Services::default(), &flags, patience()).await;
    assert!(next_after(&world, 2).await.1.contains("live"));
}

/// A merchant service that answers when it is told, and tells when it is asked.
fn waiting() -> (Services, oneshot::Receiver<()>, oneshot::Sender<()>) {
    let (asked, was_asked) = oneshot::channel();
    let (answer, may_answer) = oneshot::channel::<()>();
    let both = Arc::new(Mutex::new(Some((asked, may_answer))));
    let services = Services::default().takes_stream(
        "/chatroom.merchant.v1.MerchantService/ListMemberships",
        move |_: Streaming<ListMembershipsRequest>| {
            let (asked, may_answer) = both.lock().unwrap().take().unwrap();
            async move {
                let _ = asked.send(());
                may_answer.await.map_err(|_| Status::internal("the test is over"))?;
                Ok(ListMembershipsResponse::default())
            }
        },
    );
    (services, was_asked, answer)
}

#[tokio::test]
async fn stopping_lets_what_is_under_way_end_and_closes_the_rest() {
    let (services, was_asked, answer) = waiting();
    let mut world = World::with(services, &[], patience()).await;
    let mut idle = Connection::open(world.address).await;
    idle.send(WHOLE).await;
    idle.read_until("200}").await;
    let request = tokio::spawn(send(world.signed_in(Method::GET, "/h5/merchant")));
    was_asked.await.unwrap();
    let mut half = Connection::open(world.address).await;
    half.send("GET /readyz HTTP/1.1\r\nhost: a\r\n").await;
    // Whoever is served after it shows that it has been taken in.
    exchange(world.address, LAST).await;
    world.stop.cancel();
    assert_eq!(idle.read_to_end().await, "");
    half.send("\r\n").await;
    let ready = half.read_to_end().await;
    assert!(
        ready.starts_with("HTTP/1.1 503 ") && ready.contains("DRAINING") && ready.contains("retry-after"),
        "{ready}"
    );
    answer.send(()).unwrap();
    assert_eq!(request.await.unwrap().status(), 200);
    timeout(SOON, &mut world.served).await.expect("it ends").unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(world.address).await.is_err());
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let (services, was_asked, _answer) = waiting();
    let mut world = World::with(services, &[], Patience { drain: SHORT, ..patience() }).await;
    let request = tokio::spawn(world.signed_in(Method::GET, "/h5/merchant").send());
    was_asked.await.unwrap();
    world.stop.cancel();
    timeout(SOON, &mut world.served).await.expect("it ends").unwrap().unwrap();
    assert!(request.await.unwrap().is_err());
}

#[tokio::test]
async fn an_upload_under_way_is_not_held_to_the_budget_of_others() {
    // The stall is what bounds it: a client that brings enough, now and then, may go on.
    let services = Services::default().takes_stream(
        "/chatroom.file.v1.FileService/UploadFile",
        |mut stream: Streaming<UploadFileRequest>| async move {
            while stream.message().await?.is_some() {}
            let file = File { name: "20230821/7e23cd7207e15d29589565701.png".to_owned(), ..File::default() };
            Ok(UploadFileResponse { file: Some(file) })
        },
    );
    let link = Link::Local(chatroom_kit::rpc::surround(services.routes(), None));
    let world = World::on(link, &[], Patience { budget: SHORT, ..patience() }).await;
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"\r\n\r\n";
    let chunk = "x".repeat(20 << 10);
    let mut connection = Connection::open(world.address).await;
    let token = token();
    let length = part.len() + 10 * chunk.len() + "\r\n--b--\r\n".len();
    let head = format!("POST /upload HTTP/1.1\r\nhost: a\r\ntoken: {token}\r\ncontent-length: {length}\r\n");
    connection.send(format!("{head}content-type: multipart/form-data; boundary=b\r\n\r\n{part}")).await;
    for _ in 0..10 {
        tokio::time::sleep(SHORT / 3).await;
        assert!(connection.send(&chunk).await);
    }
    connection.send("\r\n--b--\r\n").await;
    connection.read_until("/upload/20230821/").await;
}
