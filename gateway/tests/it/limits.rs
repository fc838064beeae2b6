//! The standing limits.

use chatroom_gateway::Patience;
use chatroom_proto::{
    merchant::v1::{JoinMerchantRequest, JoinMerchantResponse, ListMembershipsRequest, ListMembershipsResponse},
    user::v1::{RegisterRequest, RegisterResponse},
};
use reqwest::{Method, RequestBuilder};
use tonic::{Code, Status};

use crate::{
    services::Services,
    world::{World, send, token},
};

fn services() -> Services {
    let refused = || chatroom_kit::error::status(Code::NotFound, "MERCHANT_NOT_FOUND", "");
    Services::default()
        .unary("/chatroom.merchant.v1.MerchantService/JoinMerchant", move |_: tonic::Request<JoinMerchantRequest>| {
            Err::<JoinMerchantResponse, Status>(refused())
        })
        .unary("/chatroom.merchant.v1.MerchantService/ListMemberships", |_: tonic::Request<ListMembershipsRequest>| {
            Ok(ListMembershipsResponse::default())
        })
        .unary("/chatroom.user.v1.UserService/Register", move |_: tonic::Request<RegisterRequest>| {
            Err::<RegisterResponse, Status>(refused())
        })
}

/// How many of `count` requests pass before one is refused; the refusal says when to come back.
async fn passed(count: usize, request: impl Fn() -> RequestBuilder) -> usize {
    for passed in 0..count {
        let response = send(request()).await;
        if response.status() == 429 {
            let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert!(response.text().await.unwrap().contains("RATE_LIMITED"));
            return passed;
        }
    }
    count
}

#[tokio::test]
async fn writes_are_limited_by_caller_and_reads_are_not() {
    let world = World::new(services()).await;
    let token = token();
    let write = || world.request(Method::POST, "/h5/merchant").header("token", &token).body(r#"{"merchant":"m"}"#);
    // While they are made some allowance comes back.
    assert!((60..500).contains(&passed(500, write).await));
    let read = || world.request(Method::GET, "/h5/merchant").header("token", &token);
    assert_eq!(passed(100, read).await, 100);
    let other = || world.signed_in(Method::POST, "/h5/merchant").body(r#"{"merchant":"m"}"#);
    assert_eq!(passed(1, other).await, 1);
}

#[tokio::test]
async fn uploads_are_limited_by_caller() {
    let world = World::new(services()).await;
    let token = token();
    let upload = || world.request(Method::POST, "/upload").header("token", &token).body("no form");
    assert!((60..70).contains(&passed(100, upload).await));
}

#[tokio::test]
async fn registrations_are_limited_by_address_as_trusted_proxies_tell_it() {
    let world = World::with(services(), &["--trusted-proxies", "127.0.0.0/8"], Patience::default()).await;
    let from = |address: &'static str| {
        let request = world.request(Method::POST, "/h5/user/reg").header("x-forwarded-for", address);
        request.body(r#"{"username":"a","password":"b"}"#)
    };
    assert!((100..120).contains(&passed(200, || from("203.0.113.7")).await));
    assert_eq!(passed(1, || from("203.0.113.8")).await, 1);
    assert!((100..120).contains(&passed(200, || from("2001:db8::1")).await));
    assert_eq!(passed(1, || from("2001:db8::2")).await, 0, "neighbours in a /64 are one subscriber");
}

#[tokio::test]
async fn registrations_from_loopback_are_limited_whatever_a_stranger_claims() {
    let world = World::new(services()).await;
    let count = std::cell::Cell::new(0_u8);
    let register = || {
        count.set(count.get().wrapping_add(1));
        let request = world.request(Method::POST, "/h5/user/reg");
        request
            .header("x-forwarded-for", format!("203.0.113.{}", count.get()))
            .body(r#"{"username":"a","password":"b"}"#)
    };
    assert!((100..120).contains(&passed(200, register).await));
}
