//! What reading costs in a group with a long past, beside the same in a young one: the last page of history, the last
//! events, a search.

use std::{fmt::Write as _, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{options::Run, past, rig::Rig, world::Room};
use crate::{
    http::Connection,
    load::{Effort, Plan, Sample, Target},
    request, rounds,
};

/// How many messages the young group has, and how many of the old one's are sent before they are multiplied.
const YOUNG: usize = 100;
/// How many messages of the old group are all different.
const DIFFERENT: usize = 1000;
/// How many members read.
const READERS: usize = 10;
/// How many connections ask at once.
const CONNECTIONS: usize = 8;
/// What every message says among other things.
const OFTEN: &str = "广场";
/// What one of the last messages says, and no other.
const ONCE: &str = "喷泉";

/// What a way of reading costs.
#[derive(Debug, Serialize)]
pub(crate) struct ReadReport {
    /// What is read.
    pub(crate) name: &'static str,
    /// In the group with a long past.
    pub(crate) old: Sample,
    /// In the young group.
    pub(crate) young: Sample,
    /// CPU time per request in the old group, as a multiple of that in the young one.
    pub(crate) cpu_ratio: f64,
}

/// A way of reading: its name, and the path for a group.
type Way = (&'static str, fn(&Standing) -> String);

const WAYS: [Way; 4] = [
    ("last page", |it| format!("/h5/message?group={}&limit=50", it.group)),
    ("last events", |it| {
        format!("/h5/message/sync?group={}&after={}&epoch={}&limit=50", it.group, it.head - 50, it.epoch)
    }),
    ("search, said once", |it| format!("/h5/message/search?group={}&q={}&limit=20", it.group, escaped(ONCE))),
    ("search, said always", |it| format!("/h5/message/search?group={}&q={}&limit=20", it.group, escaped(OFTEN))),
];

/// Where a group stands.
struct Standing {
    group: String,
    epoch: String,
    head: i64,
}

/// Gives one group a long past, and reads in it and in a young one in turn.
pub(crate) async fn measure(rig: &mut Rig, run: &Run) -> anyhow::Result<Vec<ReadReport>> {
    let address = rig.cluster.address();
    let rooms = rig.world.open_rooms(address, 2, READERS).await?;
    let (old, young) = (&rooms[0], &rooms[1]);
    old.say(address, texts(DIFFERENT)).await?;
    rig.stop()?;
    past::multiply(&rig.group_database(), &old.group, run.scale().past).await.context("there is no long past")?;
    rig.start_again().await?;
    for room in [old, young] {
        room.say(address, texts(YOUNG - 1).chain([format!("{ONCE}旁边的猫")])).await?;
    }
    let (old_standing, young_standing) = (standing(address, old).await?, standing(address, young).await?);
    ensure!(old_standing.head > run.scale().past, "the past is shorter than it should be");
    let mut reports = Vec::new();
    for (name, path) in WAYS {
        let old = target(rig, old, &path(&old_standing));
        let young = target(rig, young, &path(&young_standing));
        let compared = tokio::task::block_in_place(|| rounds::compare(&old, &young, effort(run), run.rounds()))?;
        let rounds::Comparison { product, limit, cpu_ratio, .. } = compared;
        reports.push(ReadReport { name, old: product, young: limit, cpu_ratio });
    }
    Ok(reports)
}

/// Messages of about a hundred bytes that all say something else.
fn texts(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("{number}号朋友今天下午三点在人民{OFTEN}的大钟旁边见面好吗大家呀"))
}

async fn standing(address: SocketAddr, room: &Room) -> anyhow::Result<Standing> {
    let mut head = Vec::new();
    request::get(&mut head, &format!("/h5/message?group={}&limit=1", room.group), &room.tokens[0]);
    let mut connection = Connection::open(address).await?;
    let answer = connection.call(&head, &[]).await?;
    let text = String::from_utf8_lossy(answer.body);
    ensure!(answer.status == 200, "answered {}: {text}", answer.status);
    let answer: Value = serde_json::from_str(&text)?;
    let last = &answer["data"]["messages"][0];
    Ok(Standing {
        group: room.group.clone(),
        epoch: answer["data"]["epoch"].as_str().context("the group has no epoch")?.to_owned(),
        head: last["seq"].as_i64().context("the group has no messages")?,
    })
}

fn target(rig: &Rig, room: &Room, path: &str) -> Target {
    let heads: Vec<_> = room
        .tokens
        .iter()
        .map(|token| {
            let mut head = Vec::new();
            request::get(&mut head, path, token);
            head
        })
        .collect();
    let plan: Plan = Arc::new(move |turn, head| {
        head.extend_from_slice(&heads[turn % heads.len()]);
        Bytes::new()
    });
    Target::new(rig.cluster.address(), rig.processes(), plan)
}

fn effort(run: &Run) -> Effort {
    let (warm_up, duration) = if run.quick { (200, 600) } else { (300, 1500) };
    Effort {
        connections: CONNECTIONS,
        warm_up: Duration::from_millis(warm_up),
        duration: Duration::from_millis(duration),
    }
}

/// A text as a query holds it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        // Writing to a String cannot fail.
        let _ = write!(escaped, "%{byte:02X}");
    }
    escaped
}
