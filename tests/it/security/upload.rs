//! Threats by uploads.

use std::time::Duration;

use chatroom_tests::{
    Shape,
    client::{Answer, Client, send},
    raw::Connection,
};
use futures::{StreamExt as _, stream};
use reqwest::{Method, StatusCode};

use crate::{
    skeleton::skeleton,
    suite::{Scenario, scenarios},
    world::{World, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        the_token_comes_before_the_body,
        the_type_is_decided_by_the_first_bytes,
        html_svg_xml_scripts_and_text_are_refused,
        a_polyglot_picture_is_served_as_a_picture_only,
        names_change_nothing,
        a_thousand_parts_are_400,
        huge_part_headers_are_400,
    ];
    let quiet = scenarios![Quiet:
        a_connection_dropped_halfway_leaves_nothing,
        memory_does_not_grow_with_the_file,
    ];
    let own = scenarios![Own: the_daily_volume_of_a_user_is_bounded];
    [shared, quiet, own].concat()
}

/// The head of a raw upload by `client`, whose body is of `length` bytes.
fn head(client: &Client, length: usize) -> String {
    let token = client.token().map(|token| format!("token: {token}\r\n")).unwrap_or_default();
    format!(
        "POST /upload HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{token}content-type: multipart/form-data; \
         boundary=edge\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// The multipart form with one file, whose part has these headers.
fn form(part_headers: &[u8], file: &[u8]) -> Vec<u8> {
    [b"--edge\r\n", part_headers, b"\r\n\r\n", file, b"\r\n--edge--\r\n"].concat()
}

/// Uploads a form as it is.
async fn upload_form(client: &Client, form: Vec<u8>) -> Answer {
    let request = client.request(Method::POST, "/upload").header("content-type", "multipart/form-data; boundary=edge");
    send(request.body(form)).await
}

async fn the_token_comes_before_the_body(world: World) {
    for client in [world.client(), world.client().with_token("bad")] {
        let mut connection = Connection::open(world.cluster.address()).await;
        // Not a byte of the body is sent.
        connection.send(head(&client, 1 << 20)).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.text.contains("UNAUTHENTICATED"), "{answer:?}");
    }
}

async fn the_type_is_decided_by_the_first_bytes(world: World) {
    let user = world.user().await;
    for name in ["a.html", "a.svg", "a.jpg", "a", "a.png.exe", ".png"] {
        let path = user.client.upload(name, picture(100)).await.ok().data();
        assert!(path.as_str().is_some_and(|path| path.split('.').next_back() == Some("png")), "{name}: {path}");
    }
    let headers = "content-disposition: form-data; name=\"file\"; filename=\"a.html\"\r\ncontent-type: text/html";
    let path = upload_form(&user.client, form(headers.as_bytes(), &picture(100))).await.ok().data();
    let file = world.client().request(Method::GET, path.as_str().unwrap()).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/png");
}

async fn html_svg_xml_scripts_and_text_are_refused(world: World) {
    let user = world.user().await;
    for content in [
        "<!doctype html><script>alert(1)</script>",
        "<html><body onload=alert(1)>",
        "\u{feff}<html>",
        "   \r\n <script>alert(1)</script>",
        "<!-- --><html>",
        "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
        "<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
        "#!/bin/sh\nid",
        "alert(1)",
        "<?php system('id');",
        "MZ\u{0}\u{0}",
        "\u{7f}ELF\u{2}\u{1}\u{1}",
        "plain text",
        "{\"a\":1}",
        "GIF",
        "\u{1}",
    ] {
        for name in ["a.png", "a.html"] {
            let answer = user.client.upload(name, content).await;
            assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content:?}: {answer:?}");
            assert_eq!(answer.reason(), "UNSUPPORTED_FILE_TYPE");
        }
    }
}

async fn a_polyglot_picture_is_served_as_a_picture_only(world: World) {
    let polyglot = b"GIF89a/*\x01\x01\x80\x01\x00*/=1;alert(1)//<html><script>alert(1)</script>".to_vec();
    let answer = world.user().await.client.upload("a.html", polyglot).await;
    if answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return;
    }
    let path = answer.ok().data();
    let file = world.client().request(Method::GET, path.as_str().unwrap()).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/gif");
    assert_eq!(file.headers()["x-content-type-options"], "nosniff");
    assert_eq!(file.headers()["content-security-policy"], "default-src 'none'; sandbox");
}

async fn names_change_nothing(world: World) {
    let user = world.user().await;
    let long = "n".repeat(3_000);
    let names: [&[u8]; 10] = [
        b"../../../../etc/passwd.png",
        b"..%2f..%2fetc%2fpasswd.png",
        b"%2e%2e/%2e%2e/a.png",
        b"..\\..\\a.png",
        b"/etc/passwd",
        "\u{202e}gnp.exe".as_bytes(),
        b"a;b=c.png",
        b"\xff\xfe.png",
        b"",
        long.as_bytes(),
    ];
    for name in names {
        let headers = [b"content-disposition: form-data; name=\"file\"; filename=\"", name, b"\""].concat();
        let answer = upload_form(&user.client, form(&headers, &picture(100))).await.ok();
        let expected = r#"{"data":"/upload/20230821/7e23cd7207e15d29589565701.png","msg":"success","code":200}"#;
        assert_eq!(skeleton(&answer.text), skeleton(expected), "{}", String::from_utf8_lossy(name));
    }
    // A NUL or 10 KB may be refused instead, but not as a fault of ours.
    let longer = "n".repeat(10_000);
    for name in [&b"a.png\0.html"[..], longer.as_bytes()] {
        let headers = [b"content-disposition: form-data; name=\"file\"; filename=\"", name, b"\""].concat();
        let answer = upload_form(&user.client, form(&headers, &picture(100))).await;
        assert!(matches!(answer.status.as_u16(), 200 | 400), "{answer:?}");
    }
}

async fn a_thousand_parts_are_400(world: World) {
    let user = world.user().await;
    let part = "--edge\r\ncontent-disposition: form-data; name=\"field\"\r\n\r\nvalue\r\n".repeat(1_000);
    let file = form(b"content-disposition: form-data; name=\"file\"; filename=\"a.png\"", &picture(100));
    for parts in [[part.as_bytes(), &file].concat(), part.replace("\"field\"", "\"file\"").into_bytes()] {
        let answer = upload_form(&user.client, parts).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
    }
}

async fn huge_part_headers_are_400(world: World) {
    let user = world.user().await;
    let huge =
        format!("content-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nx-huge: {}", "h".repeat(200_000));
    let many =
        format!("content-disposition: form-data; name=\"file\"; filename=\"a.png\"{}", "\r\nx-a: b".repeat(1_000));
    for headers in [huge, many] {
        let answer = upload_form(&user.client, form(headers.as_bytes(), &picture(100))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
    }
    let endless = format!("--edge\r\nx: {}", "h".repeat(200_000));
    assert_eq!(upload_form(&user.client, endless.into_bytes()).await.status, StatusCode::BAD_REQUEST);
}

async fn a_connection_dropped_halfway_leaves_nothing(world: World) {
    const SIZE: usize = 20 << 20;
    let user = world.user().await;
    let whole = form(b"content-disposition: form-data; name=\"file\"; filename=\"a.png\"", &picture(SIZE));
    let before = world.cluster.stored_names().await;
    // Within the first part of a multipart upload, and beyond it.
    for sent in [200, 100_000, 1 << 20, 12 << 20, whole.len() - 3] {
        let mut connection = Connection::open(world.cluster.address()).await;
        connection.send(head(&user.client, whole.len())).await;
        assert!(connection.send(&whole[..sent]).await, "the server takes the beginning");
    }
    for refused in [vec![b'x'; 6 << 20], Vec::new()] {
        let answer = user.client.upload("a.png", refused).await;
        assert!(answer.status.is_client_error(), "{answer:?}");
    }
    let settled = async {
        while world.cluster.stored_names().await != before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let settled = tokio::time::timeout(Duration::from_secs(20), settled).await;
    let left = world.cluster.stored_names().await;
    assert!(settled.is_ok(), "left behind: {:?}", left.difference(&before).collect::<Vec<_>>());
    // What was acknowledged is there, which shows that this is the right place to look.
    user.client.upload("a.png", picture(SIZE)).await.ok();
    assert!(world.cluster.stored_names().await != before);
}

async fn memory_does_not_grow_with_the_file(world: World) {
    const SIZE: usize = 60 << 20;
    let user = world.user().await;
    // Whatever is made once, is made now.
    user.client.upload("a.png", picture(6 << 20)).await.ok();
    let begin = || {
        world.cluster.processes().for_each(chatroom_tests::Process::forget_peak_memory);
        world.cluster.processes().map(|process| (process.name(), process.peak_memory())).collect::<Vec<_>>()
    };
    let assert_flat = |before: Vec<(&str, u64)>, what: &str| {
        for (process, (name, before)) in world.cluster.processes().zip(before) {
            let grown = process.peak_memory().saturating_sub(before);
            assert!(grown < 24 << 20, "{name} grew by {grown} bytes in {what}");
        }
    };
    let before = begin();
    let path = user.client.upload("a.png", picture(SIZE)).await.ok().data();
    assert_flat(before, "an upload");
    let before = begin();
    let response = world.client().request(Method::GET, path.as_str().unwrap()).send().await.unwrap();
    let mut bytes = response.bytes_stream();
    let mut received = 0;
    while let Some(chunk) = bytes.next().await {
        received += chunk.unwrap().len();
    }
    assert_eq!(received, SIZE);
    assert_flat(before, "a download");
}

async fn the_daily_volume_of_a_user_is_bounded(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_UPLOAD_DAILY_BYTES", "1000000")).await;
    let user = world.user().await;
    user.client.upload("a.png", picture(600_000)).await.ok();
    let refused = user.client.upload("a.png", picture(600_000)).await;
    assert_eq!((refused.status, &*refused.reason()), (StatusCode::TOO_MANY_REQUESTS, "DAILY_VOLUME_EXCEEDED"));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{refused:?}");
    world.user().await.client.upload("a.png", picture(600_000)).await.ok();
    // Many at once get no further than one after the other; sharing what is left, perhaps none gets through.
    let another = world.user().await;
    let uploads = stream::iter(0..8).map(|_| another.client.upload("a.png", picture(300_000))).buffer_unordered(8);
    let passed = uploads.filter(|answer| std::future::ready(answer.status == StatusCode::OK)).count().await;
    assert!(passed <= 3, "{passed} uploads of 300 kB passed");
}
