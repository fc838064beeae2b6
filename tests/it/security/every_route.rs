//! Threats to every route.

use std::time::Duration;

use chatroom_tests::{
    Client, Shape,
    client::{Answer, send},
    raw::{Connection, exchange},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, User, World, fresh_name, fresh_password, page_request, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        sql_metacharacters_are_stored_literally,
        json_nested_deeper_than_128_is_400,
        invalid_utf8_is_400,
        nul_is_400,
        duplicate_keys_are_400,
        trailing_bytes_are_400,
        cr_lf_in_a_value_never_reaches_a_header_or_a_log_line,
        the_last_address_before_a_trusted_proxy_counts,
        no_client_header_ever_names_the_caller,
        trace_is_refused,
        nosniff_and_an_exact_content_type_on_every_answer,
        headers_that_do_not_end_are_cut_off,
        two_lengths_or_a_length_and_chunks_are_refused,
    ];
    let quiet = scenarios![Quiet: a_body_over_the_limit_is_413_also_when_chunked_with_memory_flat];
    let own = scenarios![Own: x_forwarded_for_counts_only_from_a_trusted_proxy];
    [shared, quiet, own].concat()
}

async fn sql_metacharacters_are_stored_literally(world: World) {
    for text in [
        "Robert'); drop table account;--",
        "' or '1'='1",
        "\" or 1=1 /*",
        "%_\\%",
        "$1 ? :a @b {0}",
        "\\' union select *",
        "；'漢\u{2019}",
    ] {
        let client = world.client();
        let name = format!("{}{}", fresh_name(""), text.chars().take(26).collect::<String>());
        let password = format!("{}{text}", fresh_password());
        assert_eq!(client.register(&name, &password).await.ok().data()[0]["username"], name);
        let user = crate::world::sign_in(&client, &name, &password).await;
        let mut body = page_request(&user.id);
        body["name"] = json!(text);
        body["activationCode"] = json!(text);
        user.client.post("/h5/merchant/createMerchant", &body).await.ok();
        let page = user.client.get("/h5/merchant").await.ok().data()[0]["merchant"].take();
        assert_eq!((&page["name"], &page["activationCode"]), (&json!(text), &json!(text)));
        let group = json!({"merchant": page["_id"], "name": text, "icon": ICON});
        user.client.post("/h5/group", &group).await.ok();
        let groups = user.client.post("/h5/group/getGroup", &json!({"merchant": page["_id"]})).await.ok().data();
        assert_eq!(groups[0]["name"], text);
    }
}

/// Sends `make(body)` for a good body of each JSON route, in which `make` spoils something that the route itself does
/// not look at, and asserts that each is refused.
async fn assert_each_refused(world: &World, make: impl Fn(&str) -> Vec<u8>) {
    let user = world.user().await;
    let page = world.page(&user).await["_id"].take();
    for (path, body) in [
        ("/h5/user/reg", json!({"username": fresh_name("user"), "password": fresh_password()})),
        ("/h5/user/login", json!({"username": user.name, "password": user.password})),
        ("/h5/merchant", json!({"merchant": page})),
        ("/h5/merchant/createMerchant", page_request(&user.id)),
        ("/h5/merchant/activationCode", json!({"count": 1})),
        ("/h5/group/getGroup", json!({"merchant": page})),
        ("/h5/group", json!({"merchant": page, "name": "群", "icon": ICON})),
    ] {
        let spoilt = make(&body.to_string());
        let shown = String::from_utf8_lossy(&spoilt[..spoilt.len().min(200)]).into_owned();
        let answer = user.client.post_raw(path, spoilt).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {shown}: {answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT", "{path} {shown}");
    }
}

/// `body` with one more field, whose name and value are given as they stand in the text.
fn with_field(body: &str, name: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = body.strip_prefix('{').expect("a body is an object").as_bytes();
    [b"{", name, b":", value, b",", rest].concat()
}

async fn json_nested_deeper_than_128_is_400(world: World) {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let deep = format!("{}1{}", open.repeat(128), close.repeat(128));
        assert_each_refused(&world, |body| with_field(body, br#""ignored""#, deep.as_bytes())).await;
        // Deep enough to exhaust a recursive reader's stack, and never closed.
        let endless = open.repeat(60_000 / open.len());
        assert_each_refused(&world, |body| with_field(body, br#""ignored""#, endless.as_bytes())).await;
    }
}

async fn invalid_utf8_is_400(world: World) {
    for spoilt in [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", br#""\ud800""#] {
        assert_each_refused(&world, |body| with_field(body, br#""ignored""#, spoilt)).await;
        assert_each_refused(&world, |body| with_field(body, spoilt, b"1")).await;
    }
}

async fn nul_is_400(world: World) {
    for spoilt in [&b"\"\0\""[..], br#""a\u0000b""#] {
        assert_each_refused(&world, |body| with_field(body, br#""ignored""#, spoilt)).await;
        assert_each_refused(&world, |body| with_field(body, spoilt, b"1")).await;
    }
    let user = world.user().await;
    for field in ["name", "icon", "activationCode", "customer"] {
        let mut body = page_request(&user.id);
        body[field] = json!(format!("{}\0", body[field].as_str().unwrap_or_default()));
        let answer = user.client.post("/h5/merchant/createMerchant", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{field}: {answer:?}");
    }
}

async fn duplicate_keys_are_400(world: World) {
    for key in ["username", "password", "merchant", "name", "icon", "count", "customer"] {
        let user = world.user().await;
        let page = world.page(&user).await["_id"].take();
        for (path, body) in [
            ("/h5/user/reg", json!({"username": fresh_name("user"), "password": fresh_password()})),
            ("/h5/group", json!({"merchant": page, "name": "群", "icon": ICON})),
            ("/h5/merchant/createMerchant", page_request(&user.id)),
            ("/h5/merchant/activationCode", json!({"count": 1})),
        ] {
            let Some(value) = body.get(key) else { continue };
            let twice = with_field(&body.to_string(), json!(key).to_string().as_bytes(), value.to_string().as_bytes());
            let answer = user.client.post_raw(path, twice).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {key}: {answer:?}");
            assert!(answer.json()["msg"].to_string().contains(key), "{path} {key}: {answer:?}");
        }
    }
    // Also where nobody looks at them, and when only one is spelt with an escape.
    assert_each_refused(&world, |body| with_field(body, br#""ignored":1,"ignored""#, b"1")).await;
    assert_each_refused(&world, |body| with_field(body, br#""ignored":1,"\u0069gnored""#, b"1")).await;
    assert_each_refused(&world, |body| with_field(body, br#""ignored""#, br#"{"a":1,"a":2}"#)).await;
}

async fn trailing_bytes_are_400(world: World) {
    for trailing in ["{}", "x", ",", "\0", "]", "null"] {
        assert_each_refused(&world, |body| format!("{body}{trailing}").into_bytes()).await;
    }
}

async fn a_body_over_the_limit_is_413_also_when_chunked_with_memory_flat(world: World) {
    const SIZE: u64 = 48 << 20;
    let user = world.user().await;
    let front = world.cluster.process(world.cluster.front());
    front.forget_peak_memory();
    let before = front.peak_memory();
    let chunk = bytes::Bytes::from(vec![b' '; 64 << 10]);
    let stream = futures::stream::iter((0..SIZE / 65_536).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let chunked = user.client.request(Method::POST, "/h5/group").body(reqwest::Body::wrap_stream(stream));
    // The server may close before it has read all that it refused: either way it has not kept it.
    if let Ok(answer) = chatroom_tests::client::try_send(chunked).await {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
    }
    let over = exchange(
        world.cluster.address(),
        format!(
            "POST /h5/group HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntoken: {}\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n{}0\r\n\r\n",
            user.client.token().unwrap_or_default(),
            format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(5),
        ),
    );
    assert_eq!(over.await.status, 413);
    let declared = exchange(
        world.cluster.address(),
        format!(
            "POST /h5/group HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntoken: {}\r\ncontent-type: application/json\r\n\
             content-length: {SIZE}\r\n\r\n",
            user.client.token().unwrap_or_default(),
        ),
    );
    assert_eq!(declared.await.status, 413, "a declared length is refused before the body has come");
    let grown = front.peak_memory().saturating_sub(before);
    assert!(grown < 24 << 20, "memory grew by {grown} bytes");
}

async fn cr_lf_in_a_value_never_reaches_a_header_or_a_log_line(world: World) {
    const EVIL: &str = "a\r\nset-cookie: evil=1\r\n\r\nevil line";
    let user = world.user().await;
    let mut answers = vec![
        world.client().register(EVIL, &fresh_password()).await,
        world.client().login(EVIL, &fresh_password()).await,
        user.client.upload(EVIL, picture(100)).await,
        user.client.get("/upload/20230821/a%0d%0aset-cookie:%20evil=1").await,
        user.client.get("/h5/merchant?after=a%0d%0aset-cookie:%20evil=1").await,
        user.client.get("/%0d%0aset-cookie:%20evil=1%0d%0a%0d%0aevil%20line").await,
        user.client.post("/h5/merchant", &json!({"merchant": EVIL})).await,
    ];
    for field in ["name", "icon", "activationCode", "customer"] {
        let mut body = page_request(&user.id);
        body[field] = json!(EVIL);
        answers.push(user.client.post("/h5/merchant/createMerchant", &body).await);
    }
    for answer in answers {
        assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
        assert!(answer.headers.values().all(|value| !value.as_bytes().windows(4).any(|part| part == b"evil")));
    }
    for (name, line) in world.cluster.log() {
        assert!(!line.starts_with("evil") && !line.starts_with("set-cookie"), "{name}: {line}");
        assert!(serde_json::from_str::<Value>(&line).is_ok(), "{name} logged a line that is no JSON: {line}");
    }
}

/// Fails to sign in `count` times, each time under another name, and answers the last answer.
async fn fail(client: impl Fn(u32) -> Client, count: u32) -> Answer {
    let mut last = None;
    for index in 0..count {
        last = Some(client(index).login(&fresh_name("nobody"), &fresh_password()).await);
    }
    last.expect("at least one")
}

async fn x_forwarded_for_counts_only_from_a_trusted_proxy(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_TRUSTED_PROXIES", "")).await;
    // Ten failures from ten addresses, if the header counted.
    let answer = fail(|_| world.client(), 60).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
}

async fn the_last_address_before_a_trusted_proxy_counts(world: World) {
    let address = chatroom_tests::client::fresh_address();
    // A client may say what it likes; the proxy writes its address behind that.
    let client = |index: u32| world.client().at(format!("198.51.100.{}, {address}", index % 250));
    let answer = fail(client, 60).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    let another = world.client().at(format!("{address}, {}", chatroom_tests::client::fresh_address()));
    let answer = another.login(&fresh_name("nobody"), &fresh_password()).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
}

async fn no_client_header_ever_names_the_caller(world: World) {
    let (one, another): (User, User) = (world.user().await, world.user().await);
    world.page(&another).await;
    let headers = [
        "user",
        "x-user",
        "x-user-id",
        "x-forwarded-user",
        "x-auth-request-user",
        "x-remote-user",
        "grpc-metadata-user",
        "grpc-metadata-authorization",
        "x-original-authorization",
        "sub",
        "cookie",
    ];
    for header in headers {
        let bearer = format!("Bearer {}", another.client.token().unwrap_or_default());
        for value in [another.id.clone(), bearer, format!("token={}", another.client.token().unwrap_or_default())] {
            let nobody = world.client().request(Method::GET, "/h5/merchant").header(header, &value);
            assert_eq!(send(nobody).await.status, StatusCode::UNAUTHORIZED, "{header}: {value}");
            let request = one.client.request(Method::GET, "/h5/merchant").header(header, &value);
            assert_eq!(send(request).await.ok().data(), json!([]), "{header}: {value}");
        }
    }
    let role =
        one.client.request(Method::POST, "/h5/merchant/activationCode").header("x-role", "1").header("role", "1");
    assert_eq!(send(role.json(&json!({"count": 1}))).await.status, StatusCode::FORBIDDEN);
}

async fn trace_is_refused(world: World) {
    let user = world.user().await;
    for path in ["/", "/h5/merchant", "/h5/user/login", "/upload", "/upload/20230821/7e23cd7207e15d29589565701.png"] {
        for method in ["TRACE", "TRACK", "DEBUG"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = send(user.client.request(method.clone(), path).header("x-secret", "echoed")).await;
            assert!(answer.status.is_client_error(), "{method} {path}: {answer:?}");
            assert!(!answer.text.contains("echoed"), "{method} {path}: {answer:?}");
        }
    }
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\nconnection: close\r\n\r\n";
    assert!((400..500).contains(&exchange(world.cluster.address(), connect).await.status));
}

async fn nosniff_and_an_exact_content_type_on_every_answer(world: World) {
    let user = world.user().await;
    let path = user.client.upload("a.png", picture(100)).await.ok().data();
    let path = path.as_str().expect("a path is text");
    for (content_type, answer) in [
        ("application/json", user.client.get("/h5/merchant").await),
        ("application/json", world.client().get("/h5/merchant").await),
        ("application/json", user.client.post("/h5/merchant", &json!({"merchant": NOBODY})).await),
        ("application/json", user.client.post_raw("/h5/merchant", "<html>").await),
        ("application/json", user.client.get("/<script>").await),
        ("application/json", user.client.get("/upload/20230821/x.html").await),
        ("application/json", send(user.client.request(Method::PUT, "/h5/merchant")).await),
        ("application/json", user.client.upload("a.html", "<html></html>").await),
        ("application/json", world.client().get("/openapi.json").await),
    ] {
        assert_eq!(answer.header("content-type"), content_type, "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
    }
    let file = world.client().request(Method::GET, path).send().await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/png");
    assert_eq!(file.headers()["x-content-type-options"], "nosniff");
}

async fn headers_that_do_not_end_are_cut_off(world: World) {
    let mut half_sent = Connection::open(world.cluster.address()).await;
    half_sent.send("GET /h5/merchant HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
    assert!(half_sent.is_closed_within(Duration::from_secs(20)).await, "half a request may not hold a connection");
}

async fn two_lengths_or_a_length_and_chunks_are_refused(world: World) {
    let body = "0\r\n\r\nGET /h5/merchant HTTP/1.1\r\nhost: a\r\n\r\n";
    for lengths in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "transfer-encoding: xchunked\r\n",
        "content-length: +5\r\n",
        "content-length: 5, 5, 6\r\n",
    ] {
        let request = format!("POST /h5/user/login HTTP/1.1\r\nhost: a\r\n{lengths}\r\n{body}");
        let answer = exchange(world.cluster.address(), request).await;
        let answers = answer.text.matches("HTTP/1.1 ").count();
        assert!(answers <= 1 && (400..500).contains(&answer.status), "{lengths}: {answer:?}");
    }
}
