//! Files: which are taken, under which type, how large, and which part of them is answered.

use bytes::Bytes;
use chatroom_tests::{
    Shape,
    client::{Client, send},
    raw::exchange,
};
use reqwest::{Method, StatusCode};

use crate::{
    skeleton::follows,
    suite::{Scenario, scenarios},
    world::{World, archive, now, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_path_is_made_of_the_date_and_random_digits,
        each_allowed_type_keeps_its_content_type,
        an_empty_form_is_400,
        other_fields_do_not_matter,
        one_range_is_206,
        an_unsatisfiable_range_is_416,
        several_or_malformed_ranges_are_the_whole,
        a_condition_is_obeyed,
        large_files_come_back_as_they_went,
    ];
    let own = scenarios![Own: the_largest_file_is_a_setting_and_its_refusal_can_be_read];
    [shared, own].concat()
}

async fn upload(client: &Client, bytes: impl Into<Vec<u8>>) -> String {
    let path = client.upload("a", bytes).await.ok().data();
    path.as_str().expect("a path is text").to_owned()
}

async fn a_path_is_made_of_the_date_and_random_digits(world: World) {
    let user = world.user().await;
    let before = now();
    let (one, another) = (upload(&user.client, picture(100)).await, upload(&user.client, picture(100)).await);
    let dates = [before, now()].map(|time| format!("/upload/{}/", time.format("%Y%m%d")));
    for path in [&one, &another] {
        assert!(dates.iter().any(|date| path.starts_with(date)), "{path} is not of today");
        assert!(follows(&path[17..], "hhhhhhhhhhhhhhhhhhhhhhhhh.png"), "{path}");
    }
    assert_ne!(one, another, "the same bytes are two files");
}

async fn each_allowed_type_keeps_its_content_type(world: World) {
    let isobmff = |brand: &[u8]| [b"\0\0\0\x1cftyp", brand, b"\0\0\0\0", brand, brand, brand].concat();
    let riff = |kind: &[u8]| [b"RIFF\x24\0\0\0", kind, b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"].concat();
    let files: [(&str, &str, Vec<u8>); 14] = [
        ("png", "image/png", picture(100)),
        ("jpg", "image/jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec()),
        ("gif", "image/gif", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04".to_vec()),
        ("webp", "image/webp", riff(b"WEBPVP8 ")),
        ("avif", "image/avif", isobmff(b"avif")),
        ("heic", "image/heic", isobmff(b"heic")),
        ("mp4", "video/mp4", isobmff(b"isom")),
        ("webm", "video/webm", b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm\x42\x87\x81\x04".to_vec()),
        ("mp3", "audio/mpeg", b"ID3\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec()),
        ("m4a", "audio/mp4", isobmff(b"M4A ")),
        ("ogg", "audio/ogg", b"OggS\0\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x1e\x01vorbis\0\0".to_vec()),
        ("wav", "audio/wav", riff(b"WAVEfmt ")),
        ("pdf", "application/pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec()),
        ("zip", "application/zip", archive()),
    ];
    let user = world.user().await;
    for (extension, content_type, bytes) in files {
        let answer = user.client.upload(extension, bytes.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{extension}: {answer:?}");
        let path = answer.data();
        let path = path.as_str().expect("a path is text");
        assert!(path.ends_with(&format!(".{extension}")), "{path} is no {extension}");
        let file = world.client().request(Method::GET, path).send().await.unwrap();
        assert_eq!(file.headers()["content-type"], content_type, "{extension}");
        let attachment = file.headers().get("content-disposition").is_some();
        let shown = ["image/", "audio/", "video/"].iter().any(|kind| content_type.starts_with(kind));
        assert_eq!(attachment, !shown, "{extension}");
        assert!(file.bytes().await.unwrap() == bytes);
    }
}

async fn an_empty_form_is_400(world: World) {
    let user = world.user().await;
    let form = |body: &'static str| {
        let request =
            user.client.request(Method::POST, "/upload").header("content-type", "multipart/form-data; boundary=edge");
        send(request.body(body))
    };
    let empty_file = user.client.upload("a.png", Vec::new()).await;
    let other_field = "--edge\r\ncontent-disposition: form-data; name=\"other\"; filename=\"a.png\"\r\n\r\n\
                       \u{1}\r\n--edge--\r\n";
    let answers = [
        empty_file,
        form("--edge--\r\n").await,
        form("").await,
        form("no form at all").await,
        form(other_field).await,
        form("--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\nnot closed").await,
        user.client.post("/upload", &serde_json::json!({"file": "a"})).await,
        send(user.client.request(Method::POST, "/upload").header("content-type", "multipart/form-data")).await,
    ];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
    }
}

async fn other_fields_do_not_matter(world: World) {
    let user = world.user().await;
    let part = reqwest::multipart::Part::bytes(picture(100)).file_name("a.png");
    let form = reqwest::multipart::Form::new().text("user", "somebody").part("file", part).text("after", "more");
    send(user.client.request(Method::POST, "/upload").multipart(form)).await.ok();
}

/// What a GET with these headers answers: status, content range, bytes.
async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> (u16, String, Bytes) {
    let request = world.client().request(Method::GET, path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let range = response.headers().get("content-range").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), range.unwrap_or_default(), response.bytes().await.unwrap())
}

async fn one_range_is_206(world: World) {
    const SIZE: usize = 700_000;
    let bytes = picture(SIZE);
    let path = upload(&world.user().await.client, bytes.clone()).await;
    for (range, first, last) in [
        ("0-0", 0, 0),
        ("0-99", 0, 99),
        ("100-", 100, SIZE - 1),
        ("-1", SIZE - 1, SIZE - 1),
        ("-500", SIZE - 500, SIZE - 1),
        ("-9999999", 0, SIZE - 1),
        ("300000-600000", 300_000, 600_000),
        ("699999-", SIZE - 1, SIZE - 1),
        ("10-9999999", 10, SIZE - 1),
    ] {
        let (status, content_range, body) = get(&world, &path, &[("range", &format!("bytes={range}"))]).await;
        assert_eq!(status, 206, "{range}");
        assert_eq!(content_range, format!("bytes {first}-{last}/{SIZE}"), "{range}");
        assert!(body == bytes[first..=last], "{range}");
    }
    let head = world.client().request(Method::HEAD, &path).send().await.unwrap();
    assert_eq!(head.headers()["accept-ranges"], "bytes");
}

async fn an_unsatisfiable_range_is_416(world: World) {
    let path = upload(&world.user().await.client, picture(1_000)).await;
    for range in ["1000-", "1000-2000", "99999999999-", "-0"] {
        let (status, content_range, body) = get(&world, &path, &[("range", &format!("bytes={range}"))]).await;
        assert_eq!((status, &*content_range), (416, "bytes */1000"), "{range}");
        assert!(body.len() < 1_000);
    }
}

async fn several_or_malformed_ranges_are_the_whole(world: World) {
    let bytes = picture(1_000);
    let path = upload(&world.user().await.client, bytes.clone()).await;
    for range in [
        "bytes=0-1,5-6",
        "bytes=0-,0-,0-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "lines=0-1",
        "bytes 0-1",
        "bytes=0-99999999999999999999999x",
        "bytes=--1",
    ] {
        let (status, content_range, body) = get(&world, &path, &[("range", range)]).await;
        assert_eq!((status, &*content_range), (200, ""), "{range}");
        assert!(body == bytes, "{range}");
    }
}

async fn a_condition_is_obeyed(world: World) {
    let bytes = picture(1_000);
    let path = upload(&world.user().await.client, bytes.clone()).await;
    let response = world.client().request(Method::HEAD, &path).send().await.unwrap();
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    for (condition, status) in [
        (etag.clone(), 304),
        (format!("W/{etag}"), 304),
        (format!("\"other\", {etag}"), 304),
        ("*".to_owned(), 304),
        ("\"other\"".to_owned(), 200),
        (etag.trim_matches('"').to_owned(), 200),
    ] {
        let (answered, _, body) = get(&world, &path, &[("if-none-match", &condition)]).await;
        assert_eq!(answered, status, "{condition}");
        assert_eq!(body.len(), if status == 304 { 0 } else { 1_000 });
    }
    for (condition, status) in [(etag.as_str(), 206), ("\"other\"", 200)] {
        let (answered, ..) = get(&world, &path, &[("if-range", condition), ("range", "bytes=0-9")]).await;
        assert_eq!(answered, status, "If-Range: {condition}");
    }
    // A condition that holds comes before a range.
    let (answered, ..) = get(&world, &path, &[("if-none-match", &etag), ("range", "bytes=0-9")]).await;
    assert_eq!(answered, 304);
}

async fn large_files_come_back_as_they_went(world: World) {
    let user = world.user().await;
    // Around the sizes of a chunk and of a part.
    for size in [40, 65_536, 262_143, 262_144, 262_145, (5 << 20) - 1, 5 << 20, (5 << 20) + 1, 11 << 20] {
        let bytes = picture(size);
        let path = upload(&user.client, bytes.clone()).await;
        let (status, _, body) = get(&world, &path, &[]).await;
        assert_eq!(status, 200);
        assert!(body == bytes, "{size} bytes did not come back as they went");
    }
}

async fn the_largest_file_is_a_setting_and_its_refusal_can_be_read(shape: Shape) {
    const LARGEST: usize = 1 << 20;
    let world = World::own(usual(shape).set("CHATROOM_UPLOAD_MAX_BYTES", LARGEST.to_string())).await;
    let user = world.user().await;
    upload(&user.client, picture(LARGEST)).await;
    // An ordinary client first sends all it has, and only then reads.
    for size in [LARGEST + 1, 6 << 20] {
        let answer = user.client.upload("a.png", picture(size)).await;
        assert_eq!((answer.status, &*answer.reason()), (StatusCode::PAYLOAD_TOO_LARGE, "FILE_TOO_LARGE"), "{size}");
    }
    let token = user.client.token().unwrap_or_default();
    let start = "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.png\"\r\n\r\n";
    let body = [start.as_bytes(), &picture(2 << 20), b"\r\n--edge--\r\n"].concat();
    let head = format!(
        "POST /upload HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntoken: {token}\r\ntransfer-encoding: chunked\r\n\
         content-type: multipart/form-data; boundary=edge\r\n\r\n{:x}\r\n",
        body.len()
    );
    let answer = exchange(world.cluster.address(), [head.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()).await;
    assert_eq!(answer.status, 413, "chunked: {answer:?}");
}
