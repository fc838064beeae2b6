//! The rules that hold for every route: the envelope, who is named by a token, what a body may be, standing limits.

use chatroom_tests::{
    Shape,
    client::{Answer, send},
};
use futures::{StreamExt as _, stream};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    skeleton::skeleton,
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, User, World, fresh_name, fresh_password, page_request, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        every_answer_is_an_envelope_whose_code_is_the_status,
        every_answer_has_a_request_id_of_its_own,
        the_caller_is_named_by_either_header_and_token_wins,
        register_and_login_ignore_a_bad_token,
        a_missing_field_is_named,
        a_wrong_type_is_named,
        a_body_must_be_one_json_object,
        a_body_of_64_kib_is_read_and_a_longer_one_refused,
        unknown_fields_are_ignored,
        an_unknown_path_is_404_in_the_envelope,
        a_wrong_method_is_405_with_allow,
        no_foreign_origin_is_allowed_by_default,
        sixty_writes_at_once_pass_and_an_excess_is_refused,
        sixty_uploads_a_minute_pass_and_an_excess_is_refused,
        a_hundred_registrations_from_an_address_pass_and_an_excess_is_refused,
        a_malformed_id_is_400_and_one_of_nothing_404,
    ];
    let own = scenarios![Own: the_listed_origins_are_allowed];
    [shared, own].concat()
}

/// The routes that take a JSON body of texts, each with one that it reads when `id` sends it, who serves the page `page`.
fn bodies(id: &str, page: &Value) -> [(&'static str, Value); 11] {
    [
        ("/h5/user/reg", json!({"username": fresh_name("user"), "password": fresh_password()})),
        ("/h5/user/login", json!({"username": fresh_name("user"), "password": fresh_password()})),
        ("/h5/merchant", json!({"merchant": page})),
        ("/h5/merchant/createMerchant", page_request(id)),
        ("/h5/group/getGroup", json!({"merchant": page})),
        ("/h5/group", json!({"merchant": page, "name": "群", "icon": ICON})),
        ("/h5/group/join", json!({"group": NOBODY})),
        ("/h5/group/leave", json!({"group": NOBODY})),
        ("/h5/group/dismiss", json!({"group": NOBODY})),
        ("/h5/merchant/contact", json!({"merchant": page})),
        ("/h5/message/recall", json!({"message": NOBODY})),
    ]
}

async fn every_answer_is_an_envelope_whose_code_is_the_status(world: World) {
    let user = world.user().await;
    let stranger = world.client();
    let answers = [
        user.client.get("/h5/merchant").await,
        stranger.get("/h5/merchant").await,
        stranger.post_raw("/h5/user/login", "{").await,
        stranger.login(&fresh_name("nobody"), &fresh_password()).await,
        stranger.register(&user.name, &fresh_password()).await,
        user.client.post("/h5/merchant", &json!({"merchant": NOBODY})).await,
        user.client.upload("a.txt", "plain text").await,
        stranger.get("/h5/nothing").await,
        stranger.get("/upload/20230821/0000000000000000000000000.png").await,
        stranger.get("/h5/user/reg").await,
        user.client.post_raw("/h5/group", vec![b' '; 65_537]).await,
    ];
    for answer in answers {
        let body = answer.json();
        let keys = body.as_object().expect("an envelope is an object").keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(body["code"], answer.status.as_u16(), "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/json", "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
        assert!(body["msg"].is_string(), "{answer:?}");
        if answer.status == StatusCode::OK {
            assert_eq!(keys, ["code", "data", "msg"]);
            continue;
        }
        assert_eq!(keys, ["code", "data", "msg", "reason"]);
        assert!(body["data"].is_null(), "{answer:?}");
        assert!(answer.reason().bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_'), "{answer:?}");
        assert!(!answer.reason().is_empty(), "{answer:?}");
    }
}

async fn every_answer_has_a_request_id_of_its_own(world: World) {
    let client = world.client();
    let mut ids = Vec::new();
    for _ in 0..3 {
        for path in ["/h5/merchant", "/nothing", "/healthz", "/openapi.json"] {
            ids.push(client.get(path).await.header("x-request-id").to_owned());
        }
    }
    let count = ids.len();
    assert!(ids.iter().all(|id| id.len() >= 16 && id.bytes().all(|byte| byte.is_ascii_graphic())), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

async fn the_caller_is_named_by_either_header_and_token_wins(world: World) {
    let (one, another) = (world.user().await, world.user().await);
    world.page(&one).await;
    let bearer = |user: &User| format!("Bearer {}", user.client.token().unwrap_or_default());
    let by_bearer = one.client.anonymous().request(Method::GET, "/h5/merchant").header("authorization", bearer(&one));
    let rows = send(by_bearer).await.ok().data();
    assert_eq!(rows[0]["user"], one.id);
    let both = one.client.request(Method::GET, "/h5/merchant").header("authorization", bearer(&another));
    assert_eq!(send(both).await.ok().data(), rows);
    let bad_wins = one.client.with_token("bad").request(Method::GET, "/h5/merchant");
    let answer = send(bad_wins.header("authorization", bearer(&one))).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

async fn register_and_login_ignore_a_bad_token(world: World) {
    let client = world.client().with_token("eyJhbGciOiJub25lIn0.e30.");
    let (name, password) = (fresh_name("user"), fresh_password());
    client.register(&name, &password).await.ok();
    client.login(&name, &password).await.ok();
}

async fn a_missing_field_is_named(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    for (path, body) in bodies(&user.id, &page["_id"]) {
        let client = world.user().await.client;
        let fields = body.as_object().expect("a body is an object");
        for missing in fields.keys() {
            let mut fields = fields.clone();
            fields.remove(missing);
            let answer = client.post(path, &Value::Object(fields)).await;
            assert_refused(&answer, path, Some(missing));
        }
    }
}

async fn a_wrong_type_is_named(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    for (path, body) in bodies(&user.id, &page["_id"]) {
        // The limit on writes counts by caller.
        let client = world.user().await.client;
        let fields = body.as_object().expect("a body is an object");
        for field in fields.keys() {
            for wrong in [json!(null), json!(1), json!(true), json!(["a"]), json!({"$ne": null})] {
                let mut fields = fields.clone();
                fields.insert(field.clone(), wrong);
                let answer = client.post(path, &Value::Object(fields)).await;
                assert_refused(&answer, path, Some(field));
            }
        }
    }
}

async fn a_body_must_be_one_json_object(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    for (path, body) in bodies(&user.id, &page["_id"]) {
        let client = world.user().await.client;
        let values = body.as_object().expect("a body is an object").values().cloned().collect::<Vec<_>>();
        for wrong in [
            String::new(),
            "null".to_owned(),
            "\"text\"".to_owned(),
            "{".to_owned(),
            format!("{{{body}"),
            // serde reads an array as a structure whose fields it lists.
            Value::Array(values).to_string(),
            format!("[{body}]"),
            format!("{body} {{}}"),
            format!("{body},"),
            format!("\u{feff}{body}"),
            body.to_string().replace('"', "'"),
        ] {
            let answer = client.post_raw(path, wrong.clone()).await;
            assert_refused(&answer, &format!("{path} {wrong}"), None);
        }
    }
}

/// Asserts a 400 whose `msg` names `field`.
fn assert_refused(answer: &Answer, what: &str, field: Option<&str>) {
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}: {answer:?}");
    assert_eq!(answer.reason(), "INVALID_ARGUMENT", "{what}: {answer:?}");
    if let Some(field) = field {
        let msg = answer.json()["msg"].to_string();
        assert!(msg.contains(field), "{what}: {msg} does not name {field}");
    }
}

async fn a_body_of_64_kib_is_read_and_a_longer_one_refused(world: World) {
    let user = world.user().await;
    let page = world.page(&user).await;
    let body = json!({"merchant": page["_id"]}).to_string();
    let padded = |size: usize| format!("{}{body}", " ".repeat(size - body.len()));
    user.client.post_raw("/h5/merchant", padded(65_536)).await.ok();
    let answer = user.client.post_raw("/h5/merchant", padded(65_537)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
}

async fn unknown_fields_are_ignored(world: World) {
    let (user, another) = (world.user().await, world.user().await);
    let mut body = page_request(&user.id);
    for (field, value) in [
        ("_id", json!(NOBODY)),
        ("user", json!(another.id)),
        ("role", json!(1)),
        ("__v", json!(7)),
        ("createdAt", json!("2001-01-01T00:00:00.000Z")),
        ("$where", json!({"sleep": 1000})),
        ("__proto__", json!({"role": 1})),
    ] {
        body[field] = value;
    }
    let page = user.client.post("/h5/merchant/createMerchant", &body).await.ok().data()[0].take();
    assert_eq!(page["user"], user.id);
    assert_ne!(page["_id"], NOBODY);
    assert_eq!(page["__v"], 0);
    assert!(page["createdAt"].as_str().is_some_and(|time| time > "2023"), "{page}");
    assert!(page.get("role").is_none() && page.get("$where").is_none(), "{page}");
}

async fn an_unknown_path_is_404_in_the_envelope(world: World) {
    let user = world.user().await;
    for path in
        ["/", "/h5", "/h5/", "/h5/merchant/", "/h5/Merchant", "/h5/user", "/nothing", "/h5/merchant/%2e%2e/user"]
    {
        for client in [&user.client, &world.client()] {
            let answer = client.get(path).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {answer:?}");
            let skeleton = skeleton(&answer.text);
            assert!(skeleton.starts_with("{data:null,msg:") && skeleton.contains(",code:404,reason:"), "{skeleton}");
        }
    }
}

async fn a_wrong_method_is_405_with_allow(world: World) {
    let client = world.client();
    for (method, path, allowed) in [
        (Method::GET, "/h5/user/reg", "POST"),
        (Method::PUT, "/h5/user/login", "POST"),
        (Method::DELETE, "/h5/merchant", "GET,HEAD,POST"),
        (Method::PATCH, "/h5/group", "POST"),
        (Method::GET, "/upload", "POST"),
        (Method::DELETE, "/upload/20230821/7e23cd7207e15d29589565701.png", "GET,HEAD"),
    ] {
        let answer = send(client.request(method.clone(), path)).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {answer:?}");
        assert_eq!(answer.json()["code"], 405);
        let mut methods = answer.header("allow").split(',').map(str::trim).collect::<Vec<_>>();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{method} {path}");
    }
}

async fn no_foreign_origin_is_allowed_by_default(world: World) {
    let client = world.client();
    for origin in ["https://evil.example", "null", &world.cluster.url()] {
        let preflight = client
            .request(Method::OPTIONS, "/h5/merchant")
            .header("origin", origin)
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "token");
        let preflight = send(preflight).await;
        let request = client.request(Method::GET, "/h5/merchant").header("origin", origin);
        for answer in [preflight, send(request).await] {
            assert!(answer.headers.get("access-control-allow-origin").is_none(), "{origin}: {answer:?}");
            assert!(answer.headers.get("access-control-allow-credentials").is_none(), "{origin}: {answer:?}");
        }
    }
}

async fn the_listed_origins_are_allowed(shape: Shape) {
    let listed = "https://shop.example";
    let origins = "https://shop.example,https://m.shop.example";
    let world = World::own(usual(shape).set("CHATROOM_CORS_ORIGINS", origins)).await;
    let client = world.user().await.client;
    let preflight = |origin: &str| {
        client
            .anonymous()
            .request(Method::OPTIONS, "/h5/merchant")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "token,content-type,idempotency-key")
    };
    let answer = send(preflight(listed)).await;
    assert!(answer.status.is_success(), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-origin"), listed);
    assert!(answer.header("access-control-allow-methods").contains("POST"), "{answer:?}");
    for header in ["token", "content-type", "idempotency-key"] {
        assert!(answer.header("access-control-allow-headers").to_ascii_lowercase().contains(header), "{answer:?}");
    }
    let request = client.request(Method::GET, "/h5/merchant").header("origin", listed);
    let answer = send(request).await.ok();
    assert_eq!(answer.header("access-control-allow-origin"), listed);
    for foreign in ["https://shop.example.evil.example", "http://shop.example", "null"] {
        let answer = send(preflight(foreign)).await;
        assert!(answer.headers.get("access-control-allow-origin").is_none(), "{foreign}: {answer:?}");
    }
}

async fn sixty_writes_at_once_pass_and_an_excess_is_refused(world: World) {
    let user = world.user().await;
    let page = world.page(&world.user().await).await;
    let join = || async { user.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await };
    let burst = stream::iter(0..60).map(|_| join()).buffer_unordered(16).collect::<Vec<_>>().await;
    for answer in burst {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    // Five seconds' worth at the least, asked for as fast as it goes.
    let excess = stream::iter(0..600).map(|_| join()).buffer_unordered(16).collect::<Vec<_>>().await;
    let refused = excess.iter().find(|answer| answer.status != StatusCode::OK).expect("an excess is refused");
    assert_too_many(refused);
    // Somebody else is not concerned.
    let another = world.user().await;
    another.client.post("/h5/merchant", &json!({"merchant": page["_id"]})).await.ok();
}

async fn sixty_uploads_a_minute_pass_and_an_excess_is_refused(world: World) {
    let user = world.user().await;
    let uploads = stream::iter(0..60).map(|_| user.client.upload("a.png", picture(100)));
    for answer in uploads.buffer_unordered(4).collect::<Vec<_>>().await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let excess = stream::iter(0..60).map(|_| user.client.upload("a.png", picture(100)));
    let excess = excess.buffer_unordered(4).collect::<Vec<_>>().await;
    assert_too_many(excess.iter().find(|answer| answer.status != StatusCode::OK).expect("an excess is refused"));
}

async fn a_hundred_registrations_from_an_address_pass_and_an_excess_is_refused(world: World) {
    let client = world.client();
    let register = |_| async { client.register(&fresh_name("user"), &fresh_password()).await };
    for answer in stream::iter(0..100).map(register).buffer_unordered(3).collect::<Vec<_>>().await {
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let excess = stream::iter(0..40).map(register).buffer_unordered(3).collect::<Vec<_>>().await;
    assert_too_many(excess.iter().find(|answer| answer.status != StatusCode::OK).expect("an excess is refused"));
    client.elsewhere().register(&fresh_name("user"), &fresh_password()).await.ok();
}

/// Asserts a 429 that says when to come back.
fn assert_too_many(answer: &Answer) {
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{answer:?}");
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
    assert_eq!(answer.json()["code"], 429);
}

async fn a_malformed_id_is_400_and_one_of_nothing_404(world: World) {
    let user = world.user().await;
    let with = |id: &str| {
        [
            ("/h5/merchant", json!({"merchant": id})),
            ("/h5/merchant/createMerchant", page_request(id)),
            ("/h5/group/getGroup", json!({"merchant": id})),
            ("/h5/group", json!({"merchant": id, "name": "群", "icon": ICON})),
            ("/h5/group/join", json!({"group": id})),
            ("/h5/group/leave", json!({"group": id})),
            ("/h5/group/dismiss", json!({"group": id})),
            ("/h5/group/muteAll", json!({"group": id, "muted": true})),
            ("/h5/group/update", json!({"group": id, "name": "群"})),
            ("/h5/group/remove", json!({"group": id, "user": user.id})),
            ("/h5/group/mute", json!({"group": id, "user": user.id, "until": null})),
            ("/h5/group/admin", json!({"group": id, "user": user.id, "admin": true})),
            ("/h5/merchant/contact", json!({"merchant": id})),
            ("/h5/merchant/serve", json!({"merchant": id, "accept": true})),
            (
                "/h5/merchant/webhook",
                json!({"merchant": id, "url": "https://nobody.invalid/", "secret": "0123456789abcdef"}),
            ),
            ("/h5/merchant/webhook/delete", json!({"webhook": id})),
            ("/h5/merchant/words", json!({"merchant": id, "mode": "mask", "words": []})),
            ("/h5/merchant/retention", json!({"merchant": id, "days": 30})),
            ("/h5/report", json!({"message": id, "reason": "广告"})),
            ("/h5/report/resolve", json!({"report": id, "resolution": "已处理"})),
            ("/h5/message", json!({"group": id, "clientId": "1", "kind": "text", "content": {"text": "你好"}})),
            ("/h5/message/read", json!({"group": id, "seq": 0})),
            ("/h5/message/recall", json!({"message": id})),
            ("/h5/message/edit", json!({"message": id, "content": {"text": "你好"}})),
        ]
    };
    let malformed = [
        "",
        "1",
        "64E2E53561A25A30DB767A40",
        "64e2e53561a25a30db767a4g",
        "64e2e53561a25a30db767a400",
        "../../etc/passwd",
    ];
    for id in malformed {
        // The limit on writes counts by caller.
        let client = world.user().await.client;
        for (path, body) in with(id) {
            let answer = client.post(path, &body).await;
            assert_refused(&answer, &format!("{path} {id:?}"), None);
        }
    }
    for (path, body) in with(NOBODY) {
        let answer = user.client.post(path, &body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {answer:?}");
        let reason = match path {
            "/h5/merchant/createMerchant" => "CUSTOMER_NOT_FOUND",
            "/h5/message/recall" | "/h5/message/edit" | "/h5/report" => "MESSAGE_NOT_FOUND",
            "/h5/report/resolve" => "REPORT_NOT_FOUND",
            "/h5/merchant/webhook/delete" => "WEBHOOK_NOT_FOUND",
            _ if body.get("group").is_some() => "GROUP_NOT_FOUND",
            _ => "MERCHANT_NOT_FOUND",
        };
        assert_eq!(answer.reason(), reason, "{path}");
    }
}
