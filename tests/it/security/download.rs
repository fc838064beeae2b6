//! Threats by downloads.

use std::time::{Duration, Instant};

use chatroom_tests::{Process, Shape, raw::Connection};
use reqwest::{Method, StatusCode};

use crate::{
    suite::{Scenario, scenarios},
    world::{World, archive, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        encoded_traversal_is_404,
        a_slow_downloader_is_cut_off,
        no_script_runs_from_it,
    ];
    let quiet = scenarios![Quiet: a_thousand_overlapping_ranges_cost_no_more_than_one];
    let own = scenarios![Own: slow_downloads_are_bounded_and_so_is_their_memory];
    [shared, quiet, own].concat()
}

async fn upload(world: &World, bytes: Vec<u8>) -> String {
    let path = world.user().await.client.upload("a", bytes).await.ok().data();
    path.as_str().expect("a path is text").to_owned()
}

async fn encoded_traversal_is_404(world: World) {
    let path = upload(&world, picture(100)).await;
    let key = path.strip_prefix("/upload/").expect("a path of an upload");
    let (date, name) = key.split_once('/').expect("a date and a name");
    for path in [
        "/upload/".to_owned(),
        format!("/upload/{date}"),
        format!("/upload/{date}/"),
        format!("/upload/{date}/../{date}/{name}x"),
        "/upload/../signing-key.pem".to_owned(),
        "/upload/%2e%2e/signing-key.pem".to_owned(),
        "/upload/%2e%2e%2fsigning-key.pem".to_owned(),
        "/upload/..%2f..%2fetc%2fpasswd".to_owned(),
        format!("/upload/{date}/..%2f..%2f..%2fsigning-key.pem"),
        format!("/upload/{date}/%2e%2e%2f%2e%2e%2fuser.db"),
        format!("/upload/{date}/..%5c..%5cuser.db"),
        format!("/upload/{date}/%252e%252e%252fuser.db"),
        format!("/upload/{date}/%c0%ae%c0%ae%c0%afuser.db"),
        format!("/upload/{date}/{name}%00"),
        format!("/upload/{date}/{name}%20"),
        format!("/upload/{date}/{name}/"),
        format!("/upload/{date}/{}", name.to_uppercase()),
        format!("/upload/{date}/{}", name.replace(".png", ".html")),
        format!("/upload/{date}//{name}"),
        format!("/upload//{date}/{name}"),
        format!("/upload/{date}%2f{name}"),
        format!("/upload/20230821/{name}"),
        format!("/upload/{date}/.{name}"),
    ] {
        // Not by a client that tidies the path up first.
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        let answer = chatroom_tests::raw::exchange(world.cluster.address(), request).await;
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
        assert!(answer.text.contains(r#""code":404"#), "{path}: {answer:?}");
    }
}

async fn a_thousand_overlapping_ranges_cost_no_more_than_one(world: World) {
    let bytes = picture(1 << 20);
    let path = upload(&world, bytes.clone()).await;
    let ranges = |count: usize| vec!["0-"; count].join(",");
    let get = |ranges: String| {
        let request = world.client().request(Method::GET, &path).header("range", format!("bytes={ranges}"));
        async move {
            let begun = Instant::now();
            let response = request.send().await.unwrap();
            let status = response.status();
            (status, response.bytes().await.unwrap(), begun.elapsed())
        }
    };
    let (mut first, mut many) = (Duration::MAX, Duration::MAX);
    for _ in 0..5 {
        first = first.min(get(ranges(1)).await.2);
        let (status, body, took) = get(ranges(1_000)).await;
        assert_eq!(status, StatusCode::OK, "several ranges are answered with the whole");
        assert!(body == bytes);
        many = many.min(took);
    }
    assert!(many < first * 10 + Duration::from_millis(200), "a thousand ranges took {many:?}, one {first:?}");
}

async fn a_slow_downloader_is_cut_off(world: World) {
    // More than the buffers of both ends hold.
    let path = upload(&world, picture(40 << 20)).await;
    let mut connection = Connection::open(world.cluster.address()).await;
    connection.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
    let let_go = async {
        while connection.is_held_by_the_server() {
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    };
    let let_go = tokio::time::timeout(Duration::from_secs(90), let_go).await;
    assert!(let_go.is_ok(), "who reads nothing may hold a connection for ever");
    assert!(connection.receive(usize::MAX).await < 40 << 20);
}

async fn slow_downloads_are_bounded_and_so_is_their_memory(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_MAX_DOWNLOADS", "24")).await;
    let path = upload(&world, picture(40 << 20)).await;
    world.cluster.processes().for_each(Process::forget_peak_memory);
    let before = world.cluster.processes().map(Process::peak_memory).collect::<Vec<_>>();
    let mut readers = Vec::new();
    for _ in 0..100 {
        let mut reader = Connection::open(world.cluster.address()).await;
        reader.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        readers.push(reader);
    }
    let mut served = Vec::new();
    for mut reader in readers {
        match reader.status().await {
            200 => served.push(reader),
            503 => {}
            status => panic!("{status}"),
        }
    }
    assert_eq!(served.len(), 24);
    for _ in 0..4 {
        // Slowly, and without an end.
        for reader in &mut served {
            assert!(reader.receive(1).await > 0);
        }
    }
    for (process, before) in world.cluster.processes().zip(before) {
        let grown = process.peak_memory().saturating_sub(before);
        assert!(grown < 40 << 20, "{} grew by {grown} bytes", process.name());
    }
    drop(served);
    let get = async || world.client().request(Method::GET, &path).send().await.unwrap().status();
    let served_again = async { while get().await != StatusCode::OK {} };
    tokio::time::timeout(Duration::from_secs(20), served_again).await.expect("the places are free again");
}

async fn no_script_runs_from_it(world: World) {
    let client = world.client();
    for (bytes, kind, inline) in [
        (picture(100), "image/png", true),
        (
            b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>".to_vec(),
            "application/pdf",
            false,
        ),
        (archive(), "application/zip", false),
    ] {
        let path = upload(&world, bytes).await;
        let file = client.request(Method::GET, &path).send().await.unwrap();
        assert_eq!(file.headers()["content-type"], kind);
        assert_eq!(file.headers()["x-content-type-options"], "nosniff");
        assert_eq!(file.headers()["content-security-policy"], "default-src 'none'; sandbox");
        let disposition = file.headers().get("content-disposition").map(|value| value.to_str().unwrap_or_default());
        assert_eq!(
            disposition.is_some_and(|value| value.starts_with("attachment")),
            !inline,
            "{kind}: {disposition:?}"
        );
    }
}
