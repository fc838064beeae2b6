//! The frames of the WebSocket in the permission matrix: everyone × every frame × what is theirs and what is not.

use chatroom_tests::socket::Socket;
use serde_json::{Value, json};

use super::{
    row::{only, signed_in},
    scene::{CALLERS, Caller, Scene, Target, say},
};
use crate::{
    suite::{Scenario, scenarios},
    world::World,
};

const IN_GROUP: &[Caller] = &[Caller::Member, Caller::Creator, Caller::CustomerService];

pub(super) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared: every_caller_gets_what_the_matrix_says_for_every_frame]
}

/// A frame, and the code that it is answered with; 200 stands for no error.
struct Row {
    frame: &'static str,
    rest: fn(&Scene, Target) -> Value,
    expected: fn(Caller, Target) -> u16,
}

const ROWS: &[Row] = &[
    Row {
        frame: "send",
        rest: |scene, target| say(&scene.group(target)),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        frame: "sync",
        rest: |scene, target| json!({"group": scene.group(target), "epoch": "", "after": 0}),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row {
        frame: "read",
        rest: |scene, target| json!({"group": scene.group(target), "seq": 1}),
        expected: |caller, target| only(IN_GROUP, caller, target),
    },
    Row { frame: "watch", rest: |scene, target| json!({"group": scene.group(target)}), expected: heard },
    // What is not watched is watched no longer, whatever it is.
    Row {
        frame: "unwatch",
        rest: |scene, target| json!({"group": scene.group(target)}),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row { frame: "typing", rest: |scene, target| json!({"group": scene.group(target)}), expected: heard },
    Row { frame: "pong", rest: |_, _| json!({}), expected: |caller, _| signed_in(caller, 200) },
];

/// 200 for those who hear the group; for everybody else it is as good as none.
fn heard(caller: Caller, target: Target) -> u16 {
    signed_in(caller, if target == Target::Own && IN_GROUP.contains(&caller) { 200 } else { 403 })
}

async fn every_caller_gets_what_the_matrix_says_for_every_frame(world: World) {
    let scene = Scene::new(&world).await;
    let base = world.cluster.url();
    for caller in CALLERS {
        let mut socket = match scene.client(caller).token() {
            Some(token) => Socket::connect(&base, token).await.0,
            None => Socket::open(&base, &[]).await.expect("a socket opens"),
        };
        for row in ROWS {
            for target in [Target::Own, Target::Foreign, Target::Missing] {
                let mut frame = (row.rest)(&scene, target);
                frame["type"] = json!(row.frame);
                let code = answer(&mut socket, frame).await;
                assert_eq!(code, (row.expected)(caller, target), "{caller:?}, {}, {target:?}", row.frame);
            }
        }
    }
}

/// The code that a frame is answered with, or 200: some are answered only where they are refused, which comes before the
/// answer to what is sent next.
async fn answer(socket: &mut Socket, mut frame: Value) -> u16 {
    let id = json!("asked");
    frame["id"] = id.clone();
    socket.send(&frame).await;
    let next = json!({"id": "next", "type": "nonsense"});
    socket.send(&next).await;
    let answered = socket.wait_for(|frame| frame["id"] == id || frame["id"] == "next").await;
    if answered["id"] == id {
        socket.wait_for(|frame| frame["id"] == "next").await;
    }
    let refused = answered["id"] == id && answered["type"] == "error";
    let code = answered["code"].as_u64().filter(|_| refused);
    code.map_or(200, |code| u16::try_from(code).expect("a code is small"))
}
