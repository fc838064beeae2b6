//! Frames without sense, at random and made of good ones: no process panics, and none keeps anything of them.

use chatroom_tests::{Shape, process::PATIENCE};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{connect, token};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{World, fresh_name, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Own: twenty_thousand_mad_frames_change_nothing]
}

const FRAMES: usize = 20_000;
/// How many are sent on one socket: it may be cut off long before.
const PER_SOCKET: usize = 100;
/// How much more memory the gateway may use after the first half of them.
const GROWTH_MAX: u64 = 24 << 20;

async fn twenty_thousand_mad_frames_change_nothing(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_WRITES_BURST", "1000")).await;
    let room = Room::new(&world).await;
    let attacker = room.member(&world).await;
    let mut witness = connect(&world, &room.owner).await;
    let seed = rand::random();
    println!("the frames are those of the seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let gateway = world.cluster.process(world.cluster.front());
    let mut middle = 0;
    for socket in 0..FRAMES / PER_SOCKET {
        if socket == FRAMES / PER_SOCKET / 2 {
            gateway.forget_peak_memory();
            middle = gateway.peak_memory();
        }
        let frames: Vec<u8> = (0..PER_SOCKET).flat_map(|_| mad_frame(&mut random, &room.group)).collect();
        attack(&world, token(&attacker), &frames).await;
        // One that says nothing for long is taken for dead.
        witness.settled(&room.group).await;
    }
    let growth = gateway.peak_memory().saturating_sub(middle);
    assert!(growth < GROWTH_MAX, "memory has grown by {growth} bytes");
    let said = witness.say(&room.group, &fresh_name("m"), "都还好").await;
    assert_eq!(said["type"], "ack");
    witness.wait_for(|frame| frame["seq"] == said["seq"]).await;
}

/// Opens a socket, signs in on most, sends everything, and reads until the server closes.
async fn attack(world: &World, token: &str, frames: &[u8]) {
    let mut stream = TcpStream::connect(world.cluster.address()).await.expect("the server listens");
    let hello = "GET /h5/ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let connect = json!({"id": 1, "type": "connect", "token": token}).to_string();
    let bytes = [hello.as_bytes(), &frame(0x81, connect.as_bytes()), frames, &frame(0x88, b"")].concat();
    // The server may close before it has taken everything.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server neither answers nor closes");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 101"), "{:?}", String::from_utf8_lossy(&answer));
}

/// A frame that is good, nearly good, or nothing at all.
fn mad_frame(random: &mut StdRng, group: &str) -> Vec<u8> {
    let good = frame(0x81, good_request(random, group).to_string().as_bytes());
    match random.random_range(0..10) {
        0 => good,
        1 => {
            let text: String = random.sample_iter::<char, _>(rand::distr::StandardUniform).take(40).collect();
            frame(0x81, text.as_bytes())
        }
        2 => frame(random.random(), &noise(random, 200)),
        3 => noise(random, 30),
        4 => frame(*[0x01, 0x00, 0x80, 0x89, 0x8a, 0x82].choose(random).expect("there are some"), &noise(random, 100)),
        5 => frame(0x81, &noise(random, 3000)),
        _ => mutated(random, good),
    }
}

fn good_request(random: &mut StdRng, group: &str) -> Value {
    let requests = [
        json!({"id": 1, "type": "send", "group": group, "clientId": "c", "kind": "text", "content": {"text": "你"}}),
        json!({"id": 2, "type": "sync", "group": group, "epoch": "", "after": 0, "limit": 5}),
        json!({"id": 3, "type": "read", "group": group, "seq": 1}),
        json!({"id": 4, "type": "watch", "group": group}),
        json!({"id": 5, "type": "unwatch", "group": group}),
        json!({"type": "typing", "group": group}),
        json!({"type": "pong"}),
        json!({"id": 6, "type": "connect", "token": "eyJ"}),
    ];
    requests.choose(random).expect("there are some").clone()
}

/// A frame with a few bits or pieces changed.
fn mutated(random: &mut StdRng, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.random(),
            2 => bytes.insert(at, random.random()),
            _ if bytes.len() > 1 => drop(bytes.remove(at)),
            _ => {}
        }
    }
    bytes
}

fn noise(random: &mut StdRng, most: usize) -> Vec<u8> {
    let length = random.random_range(0..most);
    (0..length).map(|_| random.random()).collect()
}

/// A client's frame, masked with nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    if let Ok(length @ 0..126) = u8::try_from(payload.len()) {
        frame.push(0x80 | length);
    } else {
        frame.push(0xfe);
        frame.extend_from_slice(&u16::try_from(payload.len()).unwrap_or(u16::MAX).to_be_bytes());
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}
