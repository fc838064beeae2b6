//! The description of the API, the probes and the keys.

use std::collections::BTreeSet;

use flate2::read::GzDecoder;
use reqwest::Method;
use serde_json::Value;

use crate::{
    services::Services,
    world::{World, send},
};

async fn document(world: &World) -> Value {
    let response = send(world.request(Method::GET, "/openapi.json")).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

/// Every operation, with the statuses it documents.
fn operations(document: &Value) -> Vec<(String, BTreeSet<String>)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses = operation["responses"].as_object().unwrap().keys().cloned().collect();
            operations.push((format!("{method} {path}"), statuses));
        }
    }
    operations.sort();
    operations
}

#[tokio::test]
async fn every_route_is_described_with_every_status_it_can_answer() {
    let world = World::new(Services::default()).await;
    let document = document(&world).await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let expected = [
        ("get /.well-known/jwks.json", "200"),
        ("get /h5/conversation", "200 400 401 429 500 503 504"),
        ("get /h5/group/members", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/merchant", "200 400 401 404 429 500 503 504"),
        ("get /h5/merchant/retention", "200 400 401 403 404 429 500 503 504"),
        ("post /h5/merchant/retention", "200 400 401 403 404 413 429 500 503 504"),
        ("get /h5/merchant/words", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/report", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/user/blocks", "200 400 401 429 500 503 504"),
        ("post /h5/merchant/words", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/report", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/report/resolve", "200 400 401 404 413 429 500 503 504"),
        ("post /h5/user/block", "200 400 401 409 413 429 500 503 504"),
        ("get /h5/ws", "101 401 403 426 503"),
        ("get /h5/merchant/webhook", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/message", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/message/search", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/message/sync", "200 400 401 403 404 429 500 503 504"),
        ("get /healthz", "200"),
        ("get /readyz", "200 503"),
        ("get /upload/{date}/{name}", "200 206 304 404 416 429 500 503 504"),
        ("head /upload/{date}/{name}", "200 304 404 429 500 503 504"),
        ("post /h5/group", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/admin", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/dismiss", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/group/getGroup", "200 400 401 404 413 429 500 503 504"),
        ("post /h5/group/join", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/leave", "200 400 401 404 409 413 429 500 503 504"),
        ("post /h5/group/mute", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/muteAll", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/remove", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/group/update", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant", "200 400 401 404 409 413 429 500 503 504"),
        ("post /h5/merchant/activationCode", "200 400 401 403 413 429 500 503 504"),
        ("post /h5/merchant/contact", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant/createMerchant", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant/serve", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant/webhook", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant/webhook/delete", "200 400 401 404 413 429 500 503 504"),
        ("post /h5/message", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/message/edit", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/message/read", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/message/recall", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/user/login", "200 400 401 403 413 429 500 503 504"),
        ("post /h5/user/reg", "200 400 409 413 429 500 503 504"),
        ("post /upload", "200 400 401 413 415 429 500 503 504"),
        ("get /h5/admin/audit", "200 400 401 403 429 500 503 504"),
        ("get /h5/admin/audit/page", "200 400 401 403 429 500 503 504"),
        ("get /h5/admin/audit/moderation", "200 400 401 403 429 500 503 504"),
        ("get /h5/admin/user", "200 400 401 403 429 500 503 504"),
        ("get /h5/merchant/members", "200 400 401 403 404 429 500 503 504"),
        ("get /h5/user/export", "200 401 429 500 503 504"),
        ("get /h5/user/me", "200 401 429 500 503 504"),
        ("post /h5/admin/user/disable", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/admin/user/enable", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/admin/user/logout", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/merchant/close", "200 400 401 403 404 413 429 500 503 504"),
        ("post /h5/merchant/leave", "200 400 401 404 409 413 429 500 503 504"),
        ("post /h5/merchant/transfer", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/merchant/update", "200 400 401 403 404 409 413 429 500 503 504"),
        ("post /h5/user/delete", "200 400 401 403 409 413 429 500 503 504"),
        ("post /h5/user/logout", "200 401 429 500 503 504"),
        ("post /h5/user/logoutAll", "200 401 429 500 503 504"),
        ("post /h5/user/password", "200 400 401 403 413 429 500 503 504"),
        ("post /h5/user/profile", "200 400 401 404 413 429 500 503 504"),
        ("post /h5/user/renew", "200 401 429 500 503 504"),
    ];
    let mut expected = expected.map(|(operation, statuses)| {
        (operation.to_owned(), statuses.split(' ').map(str::to_owned).collect::<BTreeSet<_>>())
    });
    expected.sort();
    assert_eq!(operations(&document), expected);
}

#[tokio::test]
async fn refusals_have_the_envelope_and_callers_two_ways_to_sign_in() {
    let world = World::new(Services::default()).await;
    let document = document(&world).await;
    let post = &document["paths"]["/h5/group"]["post"];
    for status in ["400", "401", "403", "404", "413", "429", "500", "503", "504"] {
        let schema = &post["responses"][status]["content"]["application/json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/ErrorEnvelope", "{status}");
    }
    for status in ["429", "503"] {
        assert!(post["responses"][status]["headers"]["Retry-After"].is_object(), "{status}");
    }
    assert_eq!(post["security"], serde_json::json!([{"token": []}, {"bearer": []}]));
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!((&schemes["token"]["in"], &schemes["token"]["name"]), (&"header".into(), &"token".into()));
    assert_eq!(schemes["bearer"]["scheme"], "bearer");
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is described nowhere");
    }
}

#[tokio::test]
async fn the_page_for_people_needs_nobody_else() {
    let world = World::new(Services::default()).await;
    let moved = send(world.request(Method::GET, "/docs")).await;
    assert_eq!((moved.status().as_u16(), &moved.headers()["location"]), (308, &"/docs/".parse().unwrap()));
    // Packed but for the one that is written anew for each request.
    for (file, content_type, packed, text) in [
        ("", "text/html", true, "swagger-ui-bundle.js"),
        ("swagger-initializer.js", "text/javascript", false, "/openapi.json"),
        ("swagger-ui-bundle.js", "text/javascript", true, "SwaggerUIBundle"),
        ("swagger-ui.css", "text/css", true, ".swagger-ui"),
    ] {
        let response = send(world.request(Method::GET, &format!("/docs/{file}"))).await;
        assert_eq!(response.status(), 200, "{file}");
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with(content_type), "{file}");
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        let encoding = response.headers().get("content-encoding").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(encoding.as_deref(), packed.then_some("gzip"), "{file}");
        let bytes = response.bytes().await.unwrap();
        let page = if packed {
            std::io::read_to_string(GzDecoder::new(&*bytes))
        } else {
            Ok(String::from_utf8(bytes.into()).unwrap())
        };
        assert!(page.unwrap().contains(text), "{file}");
    }
    assert_eq!(send(world.request(Method::GET, "/docs/nothing.js")).await.status(), 404);
    assert_eq!(send(world.request(Method::GET, "/docs/%ff")).await.status(), 404);
}

#[tokio::test]
async fn probes_and_keys() {
    let world = World::new(Services::default()).await;
    let text = async |path: &str| send(world.request(Method::GET, path)).await.text().await.unwrap();
    assert_eq!(text("/healthz").await, r#"{"data":"live","msg":"success","code":200}"#);
    assert_eq!(text("/readyz").await, r#"{"data":"ready","msg":"success","code":200}"#);
    let keys: Value = serde_json::from_str(&text("/.well-known/jwks.json").await).unwrap();
    assert_eq!(keys["keys"][0]["crv"], "Ed25519");
}
