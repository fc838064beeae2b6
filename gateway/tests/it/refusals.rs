//! What is refused, how, and before what.

use std::time::Duration;

use chatroom_kit::error::{status, status_retry_after};
use chatroom_proto::{
    merchant::v1::{JoinMerchantRequest, JoinMerchantResponse, ListMembershipsRequest, ListMembershipsResponse},
    user::v1::{RegisterRequest, RegisterResponse},
};
use reqwest::{Method, header::HeaderValue};
use tonic::{Code, Status};

use crate::{
    raw::{Connection, exchange},
    services::Services,
    world::{World, refusal, send, token},
};

const JOIN: &str = "/chatroom.merchant.v1.MerchantService/JoinMerchant";
const LIST: &str = "/chatroom.merchant.v1.MerchantService/ListMemberships";

#[tokio::test]
async fn without_a_valid_token_the_same_bytes_whatever_was_wrong() {
    let world = World::new(Services::default()).await;
    let mut answers = Vec::new();
    for request in [
        world.request(Method::GET, "/h5/merchant"),
        world.request(Method::GET, "/h5/merchant").header("token", ""),
        world.request(Method::GET, "/h5/merchant").header("token", "a.b.c"),
        world.request(Method::GET, "/h5/merchant").header("token", token()).header("token", token()),
        world.request(Method::GET, "/h5/merchant").header("token", HeaderValue::from_bytes("页".as_bytes()).unwrap()),
        world.request(Method::GET, "/h5/merchant").header("token", "").bearer_auth(token()),
        world.request(Method::GET, "/h5/merchant").header("token", "x".repeat(8 << 10)),
        world.request(Method::POST, "/h5/merchant").body("{"),
        world.request(Method::POST, "/upload").body("no form"),
    ] {
        let response = send(request).await;
        assert_eq!(response.status(), 401);
        answers.push(response.text().await.unwrap());
    }
    answers.dedup();
    assert_eq!(answers, [r#"{"data":null,"msg":"请先登录","code":401,"reason":"UNAUTHENTICATED"}"#]);
}

#[tokio::test]
async fn a_stranger_is_refused_before_the_body_is_read() {
    let world = World::new(Services::default()).await;
    for path in ["/h5/group", "/h5/merchant/createMerchant", "/upload"] {
        let mut connection = Connection::open(world.address).await;
        connection.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n")).await;
        let answer = connection.read_until("UNAUTHENTICATED").await;
        assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("connection: close"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused_with_and_without_a_length() {
    let world = World::new(Services::default()).await;
    let head = format!("POST /h5/merchant HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntoken: {}\r\n", token());
    let declared = exchange(world.address, format!("{head}content-length: 65537\r\n\r\n")).await;
    assert!(declared.starts_with("HTTP/1.1 413 ") && declared.contains("PAYLOAD_TOO_LARGE"), "{declared}");
    let chunks = format!("4000\r\n{}\r\n", " ".repeat(0x4000)).repeat(5);
    let chunked = exchange(world.address, format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}0\r\n\r\n")).await;
    assert!(chunked.starts_with("HTTP/1.1 413 ") && chunked.contains("PAYLOAD_TOO_LARGE"), "{chunked}");
}

#[tokio::test]
async fn a_malformed_body_is_refused_by_name() {
    let world = World::new(Services::default()).await;
    for (body, named) in [
        ("{}", "merchant"),
        (r#"{"merchant":1}"#, "merchant"),
        (r#"{"merchant":"a","merchant":"a"}"#, "merchant"),
        (r#"{"merchant":"a\u0000"}"#, "merchant"),
        (r#"{"merchant":"a","other":{"x":"\u0000"}}"#, "other"),
        (r#"["a"]"#, "JSON"),
        ("", "JSON"),
        (r#"{"merchant":"a"}x"#, "JSON"),
    ] {
        let (status, reason, msg) = refusal(world.signed_in(Method::POST, "/h5/merchant").body(body)).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"), "{body}");
        assert!(msg.contains(named), "{body}: {msg}");
    }
}

#[tokio::test]
async fn an_idempotency_key_is_short() {
    let world = World::new(Services::default()).await;
    let request = world.signed_in(Method::POST, "/h5/group").header("Idempotency-Key", "x".repeat(65));
    let (status, reason, msg) = refusal(request.body("{}")).await;
    assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"));
    assert!(msg.contains("Idempotency-Key") && msg.contains("64"), "{msg}");
}

#[tokio::test]
async fn unknown_paths_and_wrong_methods_have_envelopes() {
    let world = World::new(Services::default()).await;
    for path in ["/", "/h5/merchant/", "/H5/merchant", "/h5/merchant/%2e%2e", "/upload/a/b/c"] {
        assert_eq!(refusal(world.request(Method::GET, path)).await.1, "NOT_FOUND", "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/h5/user/reg", "POST"),
        (Method::DELETE, "/h5/merchant", "GET,HEAD,POST"),
        (Method::TRACE, "/h5/merchant", "GET,HEAD,POST"),
        (Method::OPTIONS, "/h5/group", "POST"),
        (Method::PUT, "/upload/20230821/7e23cd7207e15d29589565701.png", "GET,HEAD"),
    ] {
        let response = send(world.request(method.clone(), path)).await;
        let mut allow: Vec<_> = response.headers()["allow"].to_str().unwrap().split(',').collect();
        allow.sort_unstable();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
        assert_eq!(response.status(), 405, "{method} {path}");
        assert!(response.text().await.unwrap().contains("METHOD_NOT_ALLOWED"));
    }
    let connect = "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\nconnection: close\r\n\r\n";
    assert!(exchange(world.address, connect).await.starts_with("HTTP/1.1 404 "));
    assert!(
        exchange(world.address, "OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.contains(" 404 ")
    );
}

/// A world whose service refuses a join with the status that the page's name is.
async fn refusing() -> World {
    World::new(Services::default().unary(JOIN, |request: tonic::Request<JoinMerchantRequest>| {
        Err::<JoinMerchantResponse, _>(match &*request.get_ref().merchant {
            "nobody" => status(Code::NotFound, "MERCHANT_NOT_FOUND", "no such page"),
            "busy" => status_retry_after(Code::ResourceExhausted, "RATE_LIMITED", "", Duration::from_millis(2500)),
            "away" => Status::unavailable("tcp connect error: 10.0.0.7:50052"),
            "panic" => panic!("a secret"),
            _ => Status::unknown("select * from merchant"),
        })
    }))
    .await
}

#[tokio::test]
async fn a_services_refusal_becomes_an_envelope_that_says_nothing_else() {
    let world = refusing().await;
    for (merchant, expected, retry_after) in [
        ("nobody", r#"{"data":null,"msg":"商页不存在","code":404,"reason":"MERCHANT_NOT_FOUND"}"#, None),
        ("busy", r#"{"data":null,"msg":"操作过于频繁，请稍后再试","code":429,"reason":"RATE_LIMITED"}"#, Some("3")),
        (
            "away",
            r#"{"data":null,"msg":"服务暂时不可用，请稍后再试","code":503,"reason":"UPSTREAM_UNAVAILABLE"}"#,
            Some("1"),
        ),
        ("panic", r#"{"data":null,"msg":"服务器内部错误","code":500,"reason":"INTERNAL"}"#, None),
        ("other", r#"{"data":null,"msg":"服务器内部错误","code":500,"reason":"INTERNAL"}"#, None),
    ] {
        let body = format!(r#"{{"merchant":"{merchant}"}}"#);
        let response = send(world.signed_in(Method::POST, "/h5/merchant").body(body)).await;
        assert_eq!(response.headers().get("retry-after").map(|value| value.to_str().unwrap()), retry_after);
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.text().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn every_answer_has_an_id_that_the_client_did_not_choose() {
    let services = Services::default().unary(LIST, |request: tonic::Request<ListMembershipsRequest>| {
        assert!(request.metadata().get("authorization").is_some());
        Ok(ListMembershipsResponse::default())
    });
    let world = World::new(services).await;
    let mut ids = Vec::new();
    for request in [
        world.signed_in(Method::GET, "/h5/merchant").header("x-request-id", "mine"),
        world.request(Method::GET, "/h5/merchant").header("x-request-id", "mine"),
        world.request(Method::GET, "/nothing").header("x-request-id", "mine"),
    ] {
        let response = send(request).await;
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(id.len(), 32, "{id}");
        ids.push(id);
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn an_answer_without_its_record_is_a_fault_of_ours() {
    let services = Services::default()
        .unary("/chatroom.user.v1.UserService/Register", |_: tonic::Request<RegisterRequest>| {
            Ok(RegisterResponse { user: None })
        });
    let world = World::new(services).await;
    let request = world.request(Method::POST, "/h5/user/reg").body(r#"{"username":"a","password":"b"}"#);
    assert_eq!(refusal(request).await.1, "INTERNAL");
}
