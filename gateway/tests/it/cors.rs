//! Which pages of other origins may call.

use chatroom_gateway::Patience;
use reqwest::{Method, Response};

use crate::{
    services::Services,
    world::{World, send, settings},
};

async fn preflight(world: &World, origin: &str) -> Response {
    let request = world.request(Method::OPTIONS, "/h5/merchant").header("origin", origin);
    send(request.header("access-control-request-method", "POST").header("access-control-request-headers", "token"))
        .await
}

#[tokio::test]
async fn no_foreign_origin_is_allowed_by_default() {
    let world = World::new(Services::default()).await;
    let response = preflight(&world, "https://evil.example").await;
    assert_eq!(response.status(), 405);
    assert!(!response.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_listed_origins_are_allowed_and_no_other() {
    let flags = ["--cors-origins", "https://h5.example, http://localhost:5173"];
    let world = World::with(Services::default(), &flags, Patience::default()).await;
    let allowed = preflight(&world, "https://h5.example").await;
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://h5.example");
    let headers = allowed.headers()["access-control-allow-headers"].to_str().unwrap().to_owned();
    for header in ["token", "authorization", "content-type", "idempotency-key"] {
        assert!(headers.contains(header), "{headers}");
    }
    assert_eq!(allowed.headers()["x-content-type-options"], "nosniff");
    for origin in ["https://h5.example.evil.example", "http://h5.example", "null"] {
        assert!(!preflight(&world, origin).await.headers().contains_key("access-control-allow-origin"), "{origin}");
    }
    let refused = send(world.request(Method::GET, "/h5/merchant").header("origin", "http://localhost:5173")).await;
    assert_eq!(refused.headers()["access-control-allow-origin"], "http://localhost:5173");
    let exposed = refused.headers()["access-control-expose-headers"].to_str().unwrap();
    assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
}

#[test]
fn settings_below_the_contract_and_odd_origins_are_refused() {
    for flags in [
        ["--writes-per-second", "19"],
        ["--writes-burst", "59"],
        ["--uploads-per-minute", "59"],
        ["--registrations-per-minute", "19"],
        ["--registrations-burst", "99"],
        ["--max-connections", "0"],
        ["--cors-origins", "*"],
        ["--cors-origins", "null"],
        ["--cors-origins", "https://h5.example/"],
        ["--cors-origins", "HTTPS://h5.example"],
        ["--trusted-proxies", "example.com"],
    ] {
        assert!(crate::world::try_settings(&flags).is_err(), "{flags:?}");
    }
    assert_eq!(settings(&["--writes-burst", "61"]).writes_burst.get(), 61);
}
