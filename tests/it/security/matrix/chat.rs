//! The rows of the chat. In their own group the creator is the owner, the customer-service user an admin, and the
//! member a member; nobody else is in it.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{
    row::{Row, get, only, post, signed_in},
    scene::{Caller, Scene, Target, say},
};

const IN_GROUP: &[Caller] = &[Caller::Member, Caller::Creator, Caller::CustomerService];
const KEEP_ORDER: &[Caller] = &[Caller::Creator, Caller::CustomerService];
const OWNER: &[Caller] = &[Caller::Creator];

pub(super) const ROWS: &[Row] = &[
    Row {
        route: ("POST", "/h5/group/join"),
        ask: |scene, caller, target| act(scene, caller, target, "join", json!({})),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/leave"),
        ask: |scene, caller, target| act(scene, caller, target, "leave", json!({})),
        // Who is not in a group has left it as much as one can.
        expected: |caller, target| {
            let status = match (caller, target) {
                (_, Target::Missing) => 404,
                (Caller::Creator, Target::Own) => 409,
                _ => 200,
            };
            signed_in(caller, status)
        },
    },
    Row {
        route: ("GET", "/h5/group/members"),
        ask: |scene, caller, target| read(scene, caller, target, "/h5/group/members", ""),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/remove"),
        ask: |scene, caller, target| on_other(scene, caller, target, "remove", json!({"ban": true})),
        expected: |caller, target| only(KEEP_ORDER, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/mute"),
        ask: |scene, caller, target| {
            on_other(scene, caller, target, "mute", json!({"until": "2099-01-01T00:00:00.000Z"}))
        },
        expected: |caller, target| only(KEEP_ORDER, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/admin"),
        ask: |scene, caller, target| on_other(scene, caller, target, "admin", json!({"admin": true})),
        expected: |caller, target| only(OWNER, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/muteAll"),
        ask: |scene, caller, target| act(scene, caller, target, "muteAll", json!({"muted": true})),
        expected: |caller, target| only(KEEP_ORDER, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/update"),
        ask: |scene, caller, target| act(scene, caller, target, "update", json!({"name": "我的"})),
        expected: |caller, target| only(OWNER, caller, target),
    },
    Row {
        route: ("POST", "/h5/group/dismiss"),
        ask: |scene, caller, target| act(scene, caller, target, "dismiss", json!({})),
        expected: |caller, target| only(OWNER, caller, target),
    },
    Row {
        route: ("GET", "/h5/conversation"),
        ask: |scene, caller, _| get(scene, caller, "/h5/conversation"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("POST", "/h5/merchant/contact"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/contact", &json!({"merchant": scene.page(target)}))
        },
        expected: |caller, target| match (caller, target) {
            (Caller::CustomerService, Target::Own) => 409,
            _ => only(&[Caller::Member, Caller::Creator], caller, target),
        },
    },
    Row {
        route: ("POST", "/h5/merchant/serve"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/merchant/serve", &json!({"merchant": scene.page(target), "accept": false}))
        },
        expected: |caller, target| only(&[Caller::CustomerService], caller, target),
    },
    Row {
        route: ("POST", "/h5/message"),
        ask: |scene, caller, target| post(scene, caller, "/h5/message", &say(&scene.group(target))),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("GET", "/h5/message"),
        ask: |scene, caller, target| read(scene, caller, target, "/h5/message", ""),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("GET", "/h5/message/sync"),
        ask: |scene, caller, target| read(scene, caller, target, "/h5/message/sync", "&after=0"),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("GET", "/h5/message/search"),
        ask: |scene, caller, target| read(scene, caller, target, "/h5/message/search", "&q=你好"),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("POST", "/h5/message/read"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/message/read", &json!({"group": scene.group(target), "seq": 1}))
        },
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("POST", "/h5/message/recall"),
        ask: |scene, caller, target| {
            post(scene, caller, "/h5/message/recall", &json!({"message": scene.message(target)}))
        },
        // The member's own message, which the creator and the customer-service user outrank.
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        route: ("POST", "/h5/message/edit"),
        ask: |scene, caller, target| {
            let body = json!({"message": scene.message(target), "content": {"text": "改了"}});
            post(scene, caller, "/h5/message/edit", &body)
        },
        expected: |caller, target| only(&[Caller::Member], caller, target),
    },
    Row {
        route: ("GET", "/h5/ws"),
        ask: |scene, caller, _| socket(scene, caller),
        // Who has no token yet may say who they are on the socket; the frames have rows of their own.
        expected: |_, _| 101,
    },
];

/// Asks for a WebSocket, and signs in as it does.
fn socket(scene: &Scene, caller: Caller) -> RequestBuilder {
    let token = scene.client(caller).token().map(|token| format!(", token.{token}"));
    get(scene, caller, "/h5/ws")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", format!("chatroom.v1{}", token.unwrap_or_default()))
}

/// Asks for something of the group.
fn act(scene: &Scene, caller: Caller, target: Target, what: &str, mut body: Value) -> RequestBuilder {
    body["group"] = scene.group(target);
    post(scene, caller, &format!("/h5/group/{what}"), &body)
}

/// Asks for something that is done to a member of the group.
fn on_other(scene: &Scene, caller: Caller, target: Target, what: &str, mut body: Value) -> RequestBuilder {
    body["user"] = json!(scene.other(caller, target));
    act(scene, caller, target, what, body)
}

/// Asks for what members of the group read.
fn read(scene: &Scene, caller: Caller, target: Target, path: &str, query: &str) -> RequestBuilder {
    let group = scene.group(target);
    let group = group.as_str().expect("an id is text");
    get(scene, caller, &format!("{path}?group={group}{query}"))
}
