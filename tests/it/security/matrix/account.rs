//! The rows of accounts, of sessions, and of what administrators do to them.

use reqwest::Method;
use serde_json::json;

use super::{
    row::{Row, get, post, signed_in},
    scene::{Caller, Scene, Target},
};
use crate::world::{fresh_name, fresh_password};

pub(super) const ROWS: &[Row] = &[
    Row {
        route: ("POST", "/h5/user/reg"),
        ask: |scene, caller, _| {
            let body = json!({"username": fresh_name("user"), "password": fresh_password()});
            post(scene, caller, "/h5/user/reg", &body)
        },
        expected: |_, _| 200,
    },
    Row {
        route: ("POST", "/h5/user/login"),
        ask: |scene, caller, _| {
            let body = json!({"username": fresh_name("nobody"), "password": fresh_password()});
            scene.client(caller).elsewhere().request(Method::POST, "/h5/user/login").json(&body)
        },
        // The name is nobody's: that it is refused for that reason shows that anyone may try.
        expected: |_, _| 401,
    },
    Row {
        route: ("POST", "/h5/user/logout"),
        ask: |scene, caller, _| post(scene, caller, "/h5/user/logout", &json!({})),
        expected: once,
    },
    Row {
        route: ("POST", "/h5/user/logoutAll"),
        ask: |scene, caller, _| post(scene, caller, "/h5/user/logoutAll", &json!({})),
        expected: once,
    },
    Row {
        route: ("POST", "/h5/user/password"),
        ask: |scene, caller, _| {
            let body = json!({"old": fresh_password(), "new": fresh_password()});
            post(scene, caller, "/h5/user/password", &body)
        },
        // It is nobody's password: that it is refused for that reason shows that everyone may try.
        expected: |caller, _| signed_in(caller, 403),
    },
    Row {
        route: ("POST", "/h5/user/renew"),
        ask: |scene, caller, _| post(scene, caller, "/h5/user/renew", &json!({})),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("GET", "/h5/user/me"),
        ask: |scene, caller, _| get(scene, caller, "/h5/user/me"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("POST", "/h5/user/profile"),
        ask: |scene, caller, target| post(scene, caller, "/h5/user/profile", &json!({"avatar": scene.file(target)})),
        // A picture that somebody else has uploaded is as good as none.
        expected: |caller, target| {
            signed_in(caller, if (caller, target) == (Caller::Creator, Target::Own) { 200 } else { 404 })
        },
    },
    Row {
        route: ("POST", "/h5/user/delete"),
        ask: |scene, caller, _| post(scene, caller, "/h5/user/delete", &json!({"password": fresh_password()})),
        // It is nobody's password: that it is refused for that reason shows that everyone may try, but for who has a page.
        expected: |caller, _| signed_in(caller, if caller == Caller::Creator { 409 } else { 403 }),
    },
    Row {
        route: ("GET", "/h5/user/export"),
        ask: |scene, caller, _| get(scene, caller, "/h5/user/export"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("GET", "/h5/admin/user"),
        ask: |scene, caller, _| get(scene, caller, "/h5/admin/user?limit=1"),
        expected: |caller, _| administrators(caller, Target::Own),
    },
    Row {
        route: ("GET", "/h5/admin/audit"),
        ask: |scene, caller, _| get(scene, caller, "/h5/admin/audit?limit=1"),
        expected: |caller, _| administrators(caller, Target::Own),
    },
    Row {
        route: ("GET", "/h5/admin/audit/page"),
        ask: |scene, caller, _| get(scene, caller, "/h5/admin/audit/page?limit=1"),
        expected: |caller, _| administrators(caller, Target::Own),
    },
    Row {
        route: ("GET", "/h5/admin/audit/moderation"),
        ask: |scene, caller, _| get(scene, caller, "/h5/admin/audit/moderation?limit=1"),
        expected: |caller, _| administrators(caller, Target::Own),
    },
    Row {
        route: ("POST", "/h5/admin/user/disable"),
        ask: |scene, caller, target| on_customer(scene, caller, target, "disable"),
        expected: administrators,
    },
    Row {
        route: ("POST", "/h5/admin/user/enable"),
        ask: |scene, caller, target| on_customer(scene, caller, target, "enable"),
        expected: administrators,
    },
    Row {
        route: ("POST", "/h5/admin/user/logout"),
        ask: |scene, caller, target| on_customer(scene, caller, target, "logout"),
        expected: administrators,
    },
];

/// What can be done once with a token: it ends with it.
fn once(caller: Caller, target: Target) -> u16 {
    signed_in(caller, if target == Target::Own { 200 } else { 401 })
}

/// 200 for administrators, of what is there; 403 for everybody else.
fn administrators(caller: Caller, target: Target) -> u16 {
    let status = match (caller, target) {
        (Caller::Administrator, Target::Missing) => 404,
        (Caller::Administrator, _) => 200,
        _ => 403,
    };
    signed_in(caller, status)
}

/// Does something to the customer-service user.
fn on_customer(scene: &Scene, caller: Caller, target: Target, what: &str) -> reqwest::RequestBuilder {
    post(scene, caller, &format!("/h5/admin/user/{what}"), &json!({"user": scene.customer(target)}))
}
