//! The rows of what a page's creator decides in their house, and of what they are told.

use serde_json::{Value, json};

use super::{
    row::{Row, get, only, post, signed_in},
    scene::{Caller, Scene, Target, WEBHOOK},
};

const CREATOR: &[Caller] = &[Caller::Creator];
const IN_GROUP: &[Caller] = &[Caller::Member, Caller::Creator, Caller::CustomerService];

pub(super) const ROWS: &[Row] = &[
    Row {
        route: ("POST", "/h5/merchant/webhook"),
        ask: |scene, caller, target| post(scene, caller, "/h5/merchant/webhook", &webhook(scene, target)),
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("GET", "/h5/merchant/webhook"),
        ask: |scene, caller, target| get(scene, caller, &of_page(scene, target, "/h5/merchant/webhook")),
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/merchant/webhook/delete"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/webhook/delete", &json!({"webhook": scene.webhook(target)}))
        },
        // Somebody else's is as good as none.
        expected: |caller, target| {
            signed_in(caller, if (caller, target) == (Caller::Creator, Target::Own) { 200 } else { 404 })
        },
    },
    Row {
        route: ("POST", "/h5/merchant/words"),
        ask: |scene, caller, target| {
            let body = json!({"merchant": scene.page(target), "mode": "mask", "words": ["坏词"]});
            post(scene, caller, "/h5/merchant/words", &body)
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("GET", "/h5/merchant/words"),
        ask: |scene, caller, target| get(scene, caller, &of_page(scene, target, "/h5/merchant/words")),
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/merchant/retention"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/retention", &json!({"merchant": scene.page(target), "days": 30}))
        },
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("GET", "/h5/merchant/retention"),
        ask: |scene, caller, target| get(scene, caller, &of_page(scene, target, "/h5/merchant/retention")),
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/user/block"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/user/block", &json!({"user": scene.other(caller, target), "blocked": true}))
        },
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("GET", "/h5/user/blocks"),
        ask: |scene, caller, _| get(scene, caller, "/h5/user/blocks"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("POST", "/h5/report"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/report", &json!({"message": scene.message(target), "reason": "广告"}))
        },
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("GET", "/h5/report"),
        ask: |scene, caller, target| get(scene, caller, &of_page(scene, target, "/h5/report")),
        expected: |caller, target| only(CREATOR, caller, target),
    },
    Row {
        route: ("POST", "/h5/report/resolve"),
        ask: |scene, caller, target| {
            let body = json!({"report": scene.report(target), "resolution": "已处理"});
            post(scene, caller, "/h5/report/resolve", &body)
        },
        // A report to somebody else is as good as none.
        expected: |caller, target| {
            signed_in(caller, if (caller, target) == (Caller::Creator, Target::Own) { 200 } else { 404 })
        },
    },
];

fn webhook(scene: &Scene, target: Target) -> Value {
    json!({"merchant": scene.page(target), "url": WEBHOOK, "secret": "0123456789abcdef0123"})
}

fn of_page(scene: &Scene, target: Target, path: &str) -> String {
    let page = scene.page(target);
    format!("{path}?merchant={}", page.as_str().expect("an id is text"))
}
