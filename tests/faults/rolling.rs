//! Promise: processes that are told to stop, one after another under load, fail no request that may be repeated, and are
//! gone in time whatever is open.

use std::time::Duration;

use anyhow::Context as _;
use chatroom_tests::{Part, cluster::Replica, raw::Connection, socket::Socket};
use serde_json::json;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::{
    load::Load,
    options::Options,
    report::Figure,
    rig::{Rig, replicas, stop},
    scene::{Route, Scene},
};

/// How many requests there are each second.
const RATE: u32 = 200;
/// How many pages and groups they are spread over.
const SCENES: usize = 8;
/// How soon a process has to be gone.
const GONE: Duration = Duration::from_secs(25);
/// Those that the short form stops.
const SHORT: [Replica; 3] = [Replica(Part::Group, 1), Replica(Part::Merchant, 1), Replica(Part::Gateway, 0)];
/// Whom peers leave no peace: the first process of each part. They hold it up until the end of its patience.
const BESET: usize = 0;

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let mut scenes = vec![scene.clone()];
    for _ in 1..SCENES {
        scenes.push(Scene::make(&rig.cluster.url()).await);
    }
    let rate = options.per_second(RATE);
    let load = Load::start(&scenes, rig.gateways(), rate);
    let stopped: Vec<_> = if options.short { SHORT.to_vec() } else { replicas().collect() };
    let mut slowest = Duration::ZERO;
    for replica in stopped {
        let beset = replica.1 == BESET;
        let _peers = if beset { Some(Peers::of(rig, &scene, replica).await?) } else { None };
        slowest = slowest.max(stop(rig, replica, 2 * GONE)?);
        rig.restart(replica);
        rig.serves(&scene, &Route::ALL).await?;
    }
    let mut tally = load.end().await?;
    tally.times.sort_unstable();
    let p99 = tally.times.get(tally.times.len() * 99 / 100).copied().unwrap_or_default();
    let promise = format!("requests failed, of {} at {rate}/s, in a rolling restart", tally.asked);
    Ok(vec![
        Figure::none(promise, tally.failures),
        Figure::new("of these, sent to the other gateway", tally.detours.to_string(), "", true),
        Figure::new("99th percentile of their times", format!("{} ms", p99.as_millis()), "", true),
        Figure::time("slowest exit, with an open stream and silent peers", slowest, GONE),
    ])
}

/// Peers that leave a process no peace: one that is silent, one that has said half a request, one with an open stream.
struct Peers {
    _connections: [Connection; 2],
    _socket: Option<Socket>,
    _health: Option<tonic::Streaming<tonic_health::pb::HealthCheckResponse>>,
}

impl Peers {
    async fn of(rig: &Rig, scene: &Scene, replica: Replica) -> anyhow::Result<Self> {
        let address = rig.cluster.address_of(replica);
        let mut connections = [Connection::open(address).await, Connection::open(address).await];
        connections[1].send("GET /h5/merchant HTTP/1.1\r\nhost: a\r\nx-slow: ").await;
        let (mut socket, mut health) = (None, None);
        if replica.0 == Part::Gateway {
            let opened = Socket::open_narrow(address).await;
            let mut opened = opened.map_err(|refusal| anyhow::anyhow!("no socket: {refusal:?}"))?;
            opened.request(json!({"type": "connect", "token": scene.member.client.token()})).await;
            socket = Some(opened);
        } else {
            let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?;
            let channel = endpoint.connect().await.context("no health")?;
            health = Some(HealthClient::new(channel).watch(HealthCheckRequest::default()).await?.into_inner());
        }
        Ok(Self { _connections: connections, _socket: socket, _health: health })
    }
}
