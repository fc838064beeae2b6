//! Promise: the key that signs tokens is replaced under load, in the three steps of deploy/README.md, and on the way no
//! valid token is refused and no request fails. What the old key has signed is refused once its public half is gone.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::ensure;
use chatroom_tests::{
    Part,
    cluster::Replica,
    people::sign_in,
    process::{self, Environment},
};
use reqwest::{Method, StatusCode};
use tokio::{
    task::{JoinSet, block_in_place},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

use crate::{
    ask::ask,
    load::Load,
    options::Options,
    report::Figure,
    rig::{REPLICAS, Rig, replicas, stop},
    scene::{Route, Scene, text},
};

/// How many requests there are each second with tokens that are there already.
const RATE: u32 = 60;
/// How many people make them.
const SCENES: usize = 4;
/// How soon every process has to have taken in a file that was replaced.
const TAKEN_IN: Duration = Duration::from_secs(5);
/// How long a file that is not taken in is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long there is load before and after a step.
const BETWEEN: Duration = Duration::from_secs(1);
/// How long somebody who comes waits before the next comes.
const PAUSE: Duration = Duration::from_millis(50);
/// How soon a process has to be gone.
const GONE: Duration = Duration::from_secs(25);
/// What a process says once it has read the public keys again.
const READ_AGAIN: &str = "public keys read again";
/// What a new token is first used for.
const USED: &str = "/h5/merchant";

pub(crate) async fn run(rig: &mut Rig, options: &Options) -> anyhow::Result<Vec<Figure>> {
    let scene = rig.scene().await?;
    let mut scenes = vec![scene.clone()];
    for _ in 1..SCENES {
        scenes.push(Scene::make(&rig.cluster.url()).await);
    }
    let (keys, new) = (rig.cluster.keys(), rig.cluster.keys().join("new"));
    let rate = options.per_second(RATE);
    let by_the_old_key = Load::start(&scenes, rig.gateways(), rate);
    let comers = Comers::start(&scene, &rig.gateways());
    sleep(BETWEEN).await;
    let published = taken_in(rig, || publish(&new, &keys.join("jwks.json"))).await?;
    sleep(BETWEEN).await;
    fs::rename(new.join("signing-key.pem"), rig.cluster.signing_key())?;
    for number in 0..REPLICAS {
        let replica = Replica(Part::User, number);
        stop(rig, replica, GONE)?;
        rig.restart(replica);
        rig.serves(&scene, &Route::ALL).await?;
    }
    for scene in &mut scenes {
        let member = &scene.member;
        scene.member = sign_in(&member.client, &member.name, &member.password).await;
    }
    let by_the_new_key = Load::start(&scenes, rig.gateways(), rate);
    sleep(BETWEEN).await;
    let mut tallies = vec![by_the_old_key.end().await?];
    let removed = taken_in(rig, || Ok(fs::rename(new.join("jwks.json"), keys.join("jwks.json"))?)).await?;
    let good_still = accepted(rig, &scene).await;
    sleep(BETWEEN).await;
    tallies.push(by_the_new_key.end().await?);
    let (comings, turned_away) = comers.end().await?;
    let asked: usize = tallies.iter().map(|tally| tally.asked).sum();
    let failures = tallies.into_iter().flat_map(|tally| tally.failures).collect();
    Ok(vec![
        Figure::none(format!("requests failed, of {asked}, while the key was replaced"), failures),
        Figure::none(format!("sign-ins and first uses of their tokens failed, of {comings}"), turned_away),
        Figure::time("a new public key is known everywhere after", published, options.within(TAKEN_IN)),
        Figure::time("a removed public key is forgotten everywhere after", removed, options.within(TAKEN_IN)),
        Figure::none("gateways that take a token of the removed key", good_still),
    ])
}

/// Makes a key, and publishes its public half beside the old one.
fn publish(new: &Path, published: &Path) -> anyhow::Result<()> {
    let (new, published) = (new.display().to_string(), published.display().to_string());
    let command = ["keygen", "--out", &new, "--add-to", &published];
    let made = block_in_place(|| process::run(Part::User.binary(), &command, &Environment::new()));
    ensure!(made.status.success(), "keygen failed: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// Changes the public keys, and answers how long it took until every process had read them.
async fn taken_in(rig: &Rig, change: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Duration> {
    let before = readings(rig);
    change()?;
    let begun = Instant::now();
    while readings(rig).iter().zip(&before).any(|(now, before)| now <= before) {
        ensure!(begun.elapsed() < PATIENCE, "a process does not read the public keys again");
        sleep(PAUSE).await;
    }
    Ok(begun.elapsed())
}

/// How often each process has read the public keys again.
fn readings(rig: &Rig) -> Vec<usize> {
    let lines = replicas().map(|replica| rig.cluster.process(replica).lines());
    lines.map(|lines| lines.iter().filter(|line| line.contains(READ_AGAIN)).count()).collect()
}

/// The gateways that take the member's token.
async fn accepted(rig: &Rig, scene: &Scene) -> Vec<String> {
    let mut accepted = Vec::new();
    for gateway in rig.gateways() {
        let asked = ask(Route::Account.request(scene, &gateway)).await;
        let refused = asked.outcome.as_ref().is_ok_and(|answer| answer.status == StatusCode::UNAUTHORIZED);
        accepted.extend((!refused).then(|| format!("{gateway}: {}", asked.said())));
    }
    accepted
}

/// Those who sign in all the time, and use their new tokens at once, at another gateway.
struct Comers {
    stop: CancellationToken,
    tasks: JoinSet<(usize, Vec<String>)>,
}

impl Comers {
    fn start(scene: &Scene, gateways: &[String]) -> Self {
        let (stop, mut tasks) = (CancellationToken::new(), JoinSet::new());
        for start in 0..gateways.len() {
            let turned: Vec<_> = gateways.iter().cycle().skip(start).take(gateways.len()).cloned().collect();
            tasks.spawn(come(scene.clone(), turned, stop.clone()));
        }
        Self { stop, tasks }
    }

    /// How many came, and what was refused to them.
    async fn end(mut self) -> anyhow::Result<(usize, Vec<String>)> {
        self.stop.cancel();
        let (mut comings, mut failures) = (0, Vec::new());
        while let Some(ended) = self.tasks.join_next().await {
            let (came, failed) = ended?;
            comings += came;
            failures.extend(failed);
        }
        Ok((comings, failures))
    }
}

async fn come(scene: Scene, gateways: Vec<String>, stop: CancellationToken) -> (usize, Vec<String>) {
    let (mut comings, mut failures) = (0, Vec::new());
    while !stop.is_cancelled() {
        let (here, there) = (&gateways[comings % gateways.len()], &gateways[(comings + 1) % gateways.len()]);
        comings += 1;
        let came = ask(Route::Login.request(&scene, here)).await;
        match came.outcome.as_ref().ok().map(|answer| text(&answer.data["token"])).filter(|_| came.served()) {
            Some(token) => {
                let used = ask(scene.member.client.on(there).with_token(token).request(Method::GET, USED)).await;
                failures.extend((!used.served()).then(|| format!("first use: {}", used.said())));
            }
            None => failures.push(format!("sign-in: {}", came.said())),
        }
        sleep(PAUSE).await;
    }
    (comings, failures)
}
