//! The rows of pages, the list of groups, and files.

use chatroom_tests::Client;
use reqwest::{Method, RequestBuilder, multipart};
use serde_json::json;

use super::{
    row::{Row, anyone, get, only, open, post, signed_in},
    scene::{Caller, Target},
};
use crate::world::{ICON, page_request, picture};

const CREATOR: &[Caller] = &[Caller::Creator];

pub(super) const ROWS: &[Row] = &[
    Row {
        route: ("GET", "/h5/merchant"),
        ask: |scene, caller, _| get(scene, caller, "/h5/merchant"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("POST", "/h5/merchant"),
        ask: |scene, caller, target| post(scene, caller, "/h5/merchant", &json!({"merchant": scene.page(target)})),
        expected: anyone,
    },
    Row {
        route: ("POST", "/h5/merchant/createMerchant"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/createMerchant", &page_request(scene.customer(target)))
        },
        expected: anyone,
    },
    Row {
        route: ("POST", "/h5/merchant/activationCode"),
        ask: |scene, caller, _| post(scene, caller, "/h5/merchant/activationCode", &json!({"count": 1})),
        expected: |caller, _| signed_in(caller, if caller == Caller::Administrator { 200 } else { 403 }),
    },
    Row {
        route: ("POST", "/h5/merchant/update"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/update", &json!({"merchant": scene.page(target), "name": "新名字"}))
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/merchant/transfer"),
        ask: |scene, caller, target| {
            let body = json!({"merchant": scene.page(target), "user": scene.other(caller, target)});
            post(scene, caller, "/h5/merchant/transfer", &body)
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/merchant/close"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/close", &json!({"merchant": scene.page(target)}))
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/merchant/leave"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/leave", &json!({"merchant": scene.page(target)}))
        },
        expected: |caller, target| match (caller, target) {
            (Caller::Creator, Target::Own) => 409,
            _ => anyone(caller, target),
        },
    },
    Row {
        route: ("GET", "/h5/merchant/members"),
        ask: |scene, caller, target| {
            let page = scene.page(target);
            get(scene, caller, &format!("/h5/merchant/members?merchant={}", page.as_str().expect("an id is text")))
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/getGroup"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/group/getGroup", &json!({"merchant": scene.page(target)}))
        },
        expected: anyone,
    },
    Row {
        route: ("POST", "/h5/group"),
        ask: |scene, caller, target| {
            let body = json!({"merchant": scene.page(target), "name": "群", "icon": ICON});
            post(scene, caller, "/h5/group", &body)
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/upload"),
        ask: |scene, caller, _| upload(scene.client(caller)),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("GET", "/upload/{date}/{name}"),
        ask: |scene, caller, target| get(scene, caller, scene.file(target)),
        expected: |_, target| if target == Target::Missing { 404 } else { 200 },
    },
    Row {
        route: ("HEAD", "/upload/{date}/{name}"),
        ask: |scene, caller, target| scene.client(caller).request(Method::HEAD, scene.file(target)),
        expected: |_, target| if target == Target::Missing { 404 } else { 200 },
    },
    open("/.well-known/jwks.json", |scene, caller, _| get(scene, caller, "/.well-known/jwks.json")),
    open("/healthz", |scene, caller, _| get(scene, caller, "/healthz")),
    open("/readyz", |scene, caller, _| get(scene, caller, "/readyz")),
];

fn upload(client: &Client) -> RequestBuilder {
    let part = multipart::Part::bytes(picture(100)).file_name("a.png");
    client.request(Method::POST, "/upload").multipart(multipart::Form::new().part("file", part))
}
