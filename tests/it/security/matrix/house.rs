//! The rows of what a page's creator decides in their house: webhooks.

use serde_json::{Value, json};

use super::{
    row::{Row, get, only, post, signed_in},
    scene::{Caller, Scene, Target, WEBHOOK},
};

const CREATOR: &[Caller] = &[Caller::Creator];

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
];

fn webhook(scene: &Scene, target: Target) -> Value {
    json!({"merchant": scene.page(target), "url": WEBHOOK, "secret": "0123456789abcdef0123"})
}

fn of_page(scene: &Scene, target: Target, path: &str) -> String {
    let page = scene.page(target);
    format!("{path}?merchant={}", page.as_str().expect("an id is text"))
}
