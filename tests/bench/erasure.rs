//! `chatroom-bench erasure`: how long it takes to export an account with a long past, to delete it with what it has
//! said, and to let old messages expire, and what those notice who go on speaking in the same groups meanwhile.

mod records;
mod report;
mod speakers;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use chatroom_tests::{Client, Cluster, Shape};
use chrono::TimeDelta;
use clap::Args;
use serde_json::{Value, json};

use self::{
    report::{Report, Taken},
    speakers::Speakers,
};
use crate::{
    options::{both_shapes, shape_parser},
    realtime::{past, rig::Rig, world::Room},
    seed::PASSWORD,
};

/// How many users there are; each is in every group.
const USERS: usize = 11;
/// In how many groups the account that goes has spoken.
const GROUPS: usize = 50;
/// How many of its messages in a group are sent before they are multiplied.
const SENT: usize = 20;
/// For how many days messages are kept, and how old those are that expire.
const KEPT: (i64, TimeDelta) = (1, TimeDelta::days(10));
/// How long is spoken while nothing else happens.
const CALM: Duration = Duration::from_secs(5);

/// What to measure, and how thoroughly.
#[derive(Args, Clone, Debug)]
pub(crate) struct Run {
    /// Be hasty: less of everything
    #[arg(long)]
    quick: bool,
    /// Measure this shape only
    #[arg(long, value_name = "SHAPE", value_parser = shape_parser())]
    shape: Option<Shape>,
}

impl Run {
    /// How many messages the account has sent in each group.
    fn said(&self) -> i64 {
        if self.quick { 100 } else { 2000 }
    }

    /// How many messages expire.
    fn old(&self) -> i64 {
        if self.quick { 10_000 } else { 1_000_000 }
    }
}

/// Measures what `run` asks for, and prints and keeps the figures.
pub(crate) async fn bench(run: &Run) -> anyhow::Result<()> {
    let mut report = Report::begin(run.quick).await?;
    for shape in both_shapes(run.shape) {
        let measured = bench_shape(shape, run).await.with_context(|| format!("in the {shape} shape"))?;
        report.add(shape, measured);
    }
    print!("{report}");
    report.save()
}

async fn bench_shape(shape: Shape, run: &Run) -> anyhow::Result<Vec<Taken>> {
    eprintln!("{shape}: starting it and giving it a past");
    let mut rig = Rig::start(shape, USERS).await?;
    let rooms = rig.world.open_rooms(rig.cluster.address(), GROUPS + 1, USERS).await?;
    let (old, rooms) = rooms.split_first().context("there is no room")?;
    give_past(&mut rig, old, rooms, run).await?;
    let clients: Vec<_> = rig.world.users.iter().map(|user| client(&rig.cluster, &user.token)).collect();
    let (leaver, others) = clients.split_first().context("there is nobody")?;
    let groups: Vec<_> = rooms.iter().map(|room| room.group.clone()).collect();

    let mut taken = Vec::new();
    let calm = async {
        tokio::time::sleep(CALM).await;
        anyhow::Ok(CALM)
    };
    taken.push(while_speaking("nothing", others, groups.clone(), calm).await?);
    eprintln!("{shape}: exporting");
    taken.push(while_speaking("export", others, groups.clone(), export(leaver, run)).await?);
    eprintln!("{shape}: deleting");
    taken.push(while_speaking("deletion", others, groups, delete(&rig, leaver)).await?);
    eprintln!("{shape}: expiring");
    let busy = vec![old.group.clone()];
    taken.push(while_speaking("retention", others, busy, expire(&rig, old, run)).await?);
    Ok(taken)
}

/// Says something in every group as the account that goes, and in the old one as the others long ago, and multiplies it.
async fn give_past(rig: &mut Rig, old: &Room, rooms: &[Room], run: &Run) -> anyhow::Result<()> {
    let address = rig.cluster.address();
    let texts = |count: usize| (0..count).map(|number| format!("{number}号朋友今天下午三点在人民广场见面好吗"));
    for room in rooms {
        let alone = Room { group: room.group.clone(), tokens: room.tokens[..1].to_vec() };
        alone.say(address, texts(SENT)).await?;
    }
    // What the account that goes has said there would be exported and erased, too.
    let others = Room { group: old.group.clone(), tokens: old.tokens[1..].to_vec() };
    others.say(address, texts(1000)).await?;
    rig.stop()?;
    let database = rig.group_database();
    records::date_messages(&database, &old.group, KEPT.1).await?;
    past::multiply(&database, &old.group, run.old() - 1000).await.context("there is no long past")?;
    for room in rooms {
        past::multiply(&database, &room.group, run.said() - i64::try_from(SENT)?).await?;
    }
    rig.start_again().await
}

fn client(cluster: &Cluster, token: &str) -> Client {
    Client::new(cluster.url()).with_token(token)
}

/// Takes a measure while others go on speaking in `groups`.
async fn while_speaking(
    name: &'static str,
    others: &[Client],
    groups: Vec<String>,
    work: impl Future<Output = anyhow::Result<Duration>>,
) -> anyhow::Result<Taken> {
    let speakers = Speakers::start(others.to_vec(), groups);
    let duration = work.await.with_context(|| format!("taking the measure {name}"))?;
    let latency = speakers.end().await?;
    Ok(Taken { name, seconds: duration.as_secs_f64(), latency })
}

/// Reads the account's export to its end.
async fn export(leaver: &Client, run: &Run) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let answer = leaver.get("/h5/user/export").await;
    ensure!(answer.status.is_success(), "answered {}", answer.text);
    let messages = answer.text.lines().filter(|line| line.contains(r#""type":"message""#)).count();
    let expected = usize::try_from(run.said())? * GROUPS;
    ensure!(messages == expected, "{messages} messages are exported of {expected}");
    Ok(begun.elapsed())
}

/// Deletes the account and what it has said, and waits until every service has taken away what it held.
async fn delete(rig: &Rig, leaver: &Client) -> anyhow::Result<Duration> {
    let begun = Instant::now();
    let answer = leaver.post("/h5/user/delete", &json!({"password": PASSWORD, "messages": "erase"})).await;
    ensure!(answer.status.is_success(), "answered {}", answer.text);
    records::until_deleted(&rig.user_database()).await?;
    let left = records::said_by(&rig.group_database(), &rig.world.users[0].id).await?;
    ensure!(left == 0, "{left} of the account's messages are left");
    Ok(begun.elapsed())
}

/// Keeps a page's messages for a day, and waits until those that are older have lost their content.
async fn expire(rig: &Rig, old: &Room, run: &Run) -> anyhow::Result<Duration> {
    let owner = client(&rig.cluster, rig.world.owner_token());
    let begun = Instant::now();
    let answer = owner.post("/h5/merchant/retention", &json!({"merchant": rig.world.page(), "days": KEPT.0})).await;
    ensure!(answer.status.is_success(), "answered {}", answer.text);
    records::until_expired(&rig.group_database(), &old.group, run.old()).await?;
    let duration = begun.elapsed();
    let path = format!("/h5/message?group={}&after=0&limit=200", old.group);
    let first: Value = client(&rig.cluster, &rig.world.users[1].token).get(&path).await.data();
    ensure!(first["messages"].as_array().is_some_and(|all| all.iter().all(|one| one["content"].is_null())), "{first}");
    Ok(duration)
}
