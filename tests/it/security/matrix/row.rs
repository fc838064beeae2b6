//! A row of the matrix, and the expectations that many rows share.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::scene::{Caller, Scene, Target};

/// A route as the description writes it, how it is asked, and what it answers to whom.
pub(super) struct Row {
    pub(super) route: (&'static str, &'static str),
    pub(super) ask: fn(&Scene, Caller, Target) -> RequestBuilder,
    pub(super) expected: fn(Caller, Target) -> u16,
}

/// A route that answers everybody alike.
pub(super) const fn open(path: &'static str, ask: fn(&Scene, Caller, Target) -> RequestBuilder) -> Row {
    Row { route: ("GET", path), ask, expected: |_, _| 200 }
}

pub(super) fn post(scene: &Scene, caller: Caller, path: &str, body: &Value) -> RequestBuilder {
    scene.client(caller).request(Method::POST, path).json(body)
}

pub(super) fn get(scene: &Scene, caller: Caller, path: &str) -> RequestBuilder {
    scene.client(caller).request(Method::GET, path)
}

pub(super) fn signed_in(caller: Caller, status: u16) -> u16 {
    if caller == Caller::Anonymous { 401 } else { status }
}

/// 200 for anyone signed in, of what is there.
pub(super) fn anyone(caller: Caller, target: Target) -> u16 {
    signed_in(caller, if target == Target::Missing { 404 } else { 200 })
}

/// 200 for those of `allowed` where it is their own, 403 for everybody else.
pub(super) fn only(allowed: &[Caller], caller: Caller, target: Target) -> u16 {
    let status = match target {
        Target::Missing => 404,
        Target::Own if allowed.contains(&caller) => 200,
        Target::Own | Target::Foreign => 403,
    };
    signed_in(caller, status)
}
