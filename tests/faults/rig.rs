//! What the trials are made on: the distributed shape with two processes of every part, on a PostgreSQL server of its
//! own. Owns all of it while a trial does with it what it likes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use chatroom_tests::{
    Cluster, Part, Shape,
    cluster::{DISTRIBUTED, Dependency, Replica},
    postgres::Server,
    proxy::Mode,
};
use futures::future::join_all;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    ask::ask,
    scene::{Route, Scene},
};

/// How many processes of every part there are.
pub(crate) const REPLICAS: usize = 2;
/// Higher than any load: what is tried is what happens with what is taken in, not the refusal of it.
const NO_LIMIT: &str = "1000000000";
/// How long it may take until everything is served again before a trial is given up.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait before something is asked again.
const PAUSE: Duration = Duration::from_millis(20);

/// A running product whose parts can be taken away.
pub(crate) struct Rig {
    /// The product.
    pub(crate) cluster: Cluster,
    /// Its databases. Dropped after its processes.
    pub(crate) postgres: Server,
}

impl Rig {
    /// A product whose processes reach each other as they do in operation.
    pub(crate) async fn direct() -> Self {
        Self::start(false).await
    }

    /// A product with proxies before everything that its processes reach over the network.
    pub(crate) async fn proxied() -> Self {
        Self::start(true).await
    }

    async fn start(proxied: bool) -> Self {
        let postgres = Server::start().await;
        let settings = [
            "CHATROOM_WRITES_PER_SECOND",
            "CHATROOM_WRITES_BURST",
            "CHATROOM_UPLOADS_PER_MINUTE",
            "CHATROOM_REGISTRATIONS_PER_MINUTE",
            "CHATROOM_REGISTRATIONS_BURST",
        ];
        let builder = Cluster::builder(Shape::Distributed)
            .replicas(REPLICAS)
            .postgres(postgres.url())
            .set("CHATROOM_UPLOAD_DAILY_BYTES", "1000000000000000")
            .set("CHATROOM_TRUSTED_PROXIES", "127.0.0.1/32");
        let builder = settings.into_iter().fold(builder, |builder, setting| builder.set(setting, NO_LIMIT));
        let builder = if proxied { builder.proxied() } else { builder.separate_store() };
        Self { cluster: builder.start().await, postgres }
    }

    /// Where clients find the gateways.
    pub(crate) fn gateways(&self) -> Vec<String> {
        self.cluster.gateways()
    }

    /// A new scene, once everything is served.
    pub(crate) async fn scene(&self) -> anyhow::Result<Scene> {
        let scene = Scene::make(&self.cluster.url()).await;
        self.serves(&scene, &Route::ALL).await?;
        Ok(scene)
    }

    /// Waits until every one of `routes` is served through every gateway, and answers how long the last took.
    pub(crate) async fn serves(&self, scene: &Scene, routes: &[Route]) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        let gateways = self.gateways();
        let pairs = gateways.iter().flat_map(|gateway| routes.iter().map(move |route| (gateway, *route)));
        let waits = join_all(pairs.map(|(gateway, route)| served(scene, gateway, route))).await;
        waits.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
        Ok(begun.elapsed())
    }

    /// Ends it, and answers what its processes have logged that no healthy one logs.
    pub(crate) fn end(self) -> Vec<String> {
        block_in_place(|| self.cluster.end())
    }

    /// Starts a process again, while others go on.
    pub(crate) fn restart(&mut self, replica: Replica) {
        block_in_place(|| self.cluster.restart(replica));
    }

    /// Has everything before a dependency do something else.
    pub(crate) fn set(&self, dependency: Dependency, mode: Mode) {
        for proxy in self.cluster.proxies(dependency) {
            proxy.set(mode);
        }
    }

    /// Which process does the work of which replica, by process id.
    pub(crate) fn processes(&self) -> Vec<(Replica, u32)> {
        replicas().map(|replica| (replica, self.cluster.process(replica).id())).collect()
    }

    /// Those of the processes that have ended.
    pub(crate) fn ended(&self) -> Vec<String> {
        let ended = replicas().filter(|replica| !self.cluster.process(*replica).runs());
        ended.map(|replica| format!("{replica:?}")).collect()
    }

    /// The processes that do not say that they are ready, but for those of `except`.
    pub(crate) async fn unready(&self, except: Option<Part>) -> Vec<String> {
        let asked = replicas().filter(|replica| Some(replica.0) != except).map(|replica| async move {
            let url = format!("http://{}/readyz", self.cluster.process(replica).admin_address());
            let answer = ask(chatroom_tests::Client::new(url).request(reqwest::Method::GET, "")).await;
            (!answer.served()).then(|| format!("{replica:?}: {}", answer.said()))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// Every process of the product.
pub(crate) fn replicas() -> impl Iterator<Item = Replica> {
    DISTRIBUTED.into_iter().flat_map(|part| (0..REPLICAS).map(move |number| Replica(part, number)))
}

/// Asks until a route is served through a gateway. A request that hangs holds up none of those that follow it.
async fn served(scene: &Scene, gateway: &str, route: Route) -> anyhow::Result<()> {
    const AT_ONCE: usize = 20;
    let begun = Instant::now();
    let mut under_way = tokio::task::JoinSet::new();
    let mut last = "nothing".to_owned();
    while begun.elapsed() < PATIENCE {
        if under_way.len() < AT_ONCE {
            under_way.spawn(ask(route.request(scene, gateway)));
        }
        tokio::select! {
            Some(Ok(asked)) = under_way.join_next() => {
                if asked.served() {
                    return Ok(());
                }
                last = asked.said();
                sleep(PAUSE).await;
            }
            () = sleep(5 * PAUSE) => {}
        }
    }
    bail!("{route} is not served through {gateway}: {last}")
}

/// A process that is asked to stop, and how long that took.
pub(crate) fn stop(rig: &mut Rig, replica: Replica, patience: Duration) -> anyhow::Result<Duration> {
    block_in_place(|| {
        let mut process = rig.cluster.take(replica);
        let begun = Instant::now();
        process.terminate();
        process.wait(patience).with_context(|| format!("{replica:?} does not stop"))?;
        Ok(begun.elapsed())
    })
}
