//! One shape of the product with data in it, and beside it the limit on a copy of that data. Owns both while they are
//! measured.

use std::{fs, path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use chatroom_tests::{Cluster, Part, Process, Shape, process, process::Environment, store::Store};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

use crate::{
    direct::Direct,
    load::Target,
    plan,
    route::Route,
    seed::{self, Seeded, Size},
    start,
    usage::Watched,
};

/// The limit's binary: this one.
pub(crate) const BINARY: &str = "chatroom-bench";
/// The services that have a database, and what the setting of the limit is called that leads to its copy.
const DATABASES: [(Part, &str, &str); 3] = [
    (Part::User, "user", "--user-database-url"),
    (Part::Merchant, "merchant", "--merchant-database-url"),
    (Part::Group, "group", "--group-database-url"),
];
/// Higher than any load: what is measured is the work, not the refusal of it.
const NO_LIMIT: &str = "1000000000";

/// A shape that can be measured.
pub(crate) struct Rig {
    /// The product.
    pub(crate) cluster: Cluster,
    /// The milliseconds from its start to its first answer.
    pub(crate) start_time: f64,
    seeded: Arc<Seeded>,
    limit: Process,
    direct: Direct,
    /// The storage beside a product that has its own.
    _store: Option<Store>,
    /// Where the limit's databases are.
    _place: TempDir,
}

impl Rig {
    /// Starts a shape, fills it, starts it again so many times, and copies what it stored for the limit.
    pub(crate) async fn start(shape: Shape, size: Size, starts: usize) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        let mut cluster = unlimited(shape).start().await;
        let seeded = seed::seed(cluster.address(), size).await?;
        start::stop(&mut cluster)?;
        let copies = copy_databases(&cluster, place.path()).await?;
        let token = &seeded.owners[0].token;
        let start_time = start::milliseconds(&cluster, token, starts).await?;
        start::restart(&mut cluster);
        start::first_answer(&cluster, token).await?;
        let limit = start_limit(&copies, &seeded, place.path())?;
        let (store, storage) = storage_beside(&cluster, place.path()).await;
        let direct = Direct::new(&storage)?;
        Ok(Self { cluster, start_time, seeded: Arc::new(seeded), limit, direct, _store: store, _place: place })
    }

    /// The product's processes.
    pub(crate) fn processes(&self) -> Vec<Watched> {
        self.cluster.processes().map(watched).collect()
    }

    /// The product and its limit, both asked the same.
    pub(crate) async fn targets(&self, route: Route) -> anyhow::Result<(Target, Target)> {
        let plan = plan::plan(route, &self.seeded);
        let product = Target::new(self.cluster.address(), self.processes(), plan.clone());
        let limit = match route {
            Route::Upload => self.direct.uploads().await?,
            Route::Download => self.direct.downloads().await?,
            _ => Target::new(self.limit.address(), vec![watched(&self.limit)], plan),
        };
        Ok((product, limit))
    }

    /// Fails unless no request of a route came twice that must not.
    pub(crate) fn check_turns(&self, route: Route, target: &Target) -> anyhow::Result<()> {
        let most = plan::turns_at_most(route, &self.seeded);
        ensure!(most.is_none_or(|most| target.turns() <= most), "there are too few pages for that many joins");
        Ok(())
    }
}

/// A process of the harness, to be looked at.
pub(crate) fn watched(process: &Process) -> Watched {
    Watched { name: process.name(), id: process.id() }
}

/// A cluster that refuses no load.
pub(crate) fn unlimited(shape: Shape) -> chatroom_tests::cluster::Builder {
    let settings = [
        "CHATROOM_WRITES_PER_SECOND",
        "CHATROOM_WRITES_BURST",
        "CHATROOM_UPLOADS_PER_MINUTE",
        "CHATROOM_REGISTRATIONS_PER_MINUTE",
        "CHATROOM_REGISTRATIONS_BURST",
    ];
    let builder = Cluster::builder(shape)
        .set("CHATROOM_ACTIVATION", "open")
        .set("CHATROOM_UPLOAD_DAILY_BYTES", "1000000000000000")
        // A proxy may have as many connections as it likes.
        .set("CHATROOM_TRUSTED_PROXIES", "127.0.0.1/32");
    settings.into_iter().fold(builder, |builder, setting| builder.set(setting, NO_LIMIT))
}

/// Copies the databases of a stopped cluster; answers the copies' addresses in the order of [`DATABASES`].
async fn copy_databases(cluster: &Cluster, place: &Path) -> anyhow::Result<Vec<String>> {
    let mut copies = Vec::new();
    for (part, name, _) in DATABASES {
        copies.push(match cluster.shape() {
            Shape::Standalone => copy_file(&cluster.data_dir(), name, place)?,
            Shape::Distributed => copy_database(&cluster.environment(part)["CHATROOM_DATABASE_URL"]).await?,
        });
    }
    Ok(copies)
}

/// Copies an SQLite file, with what was written ahead of it.
fn copy_file(data: &Path, name: &str, place: &Path) -> anyhow::Result<String> {
    for file in [format!("{name}.db"), format!("{name}.db-wal")] {
        let (from, to) = (data.join(&file), place.join(&file));
        if from.exists() {
            fs::copy(&from, &to).with_context(|| format!("{} cannot be copied", from.display()))?;
        }
    }
    Ok(format!("sqlite://{}", place.join(format!("{name}.db")).display()))
}

/// Copies a PostgreSQL database, after bringing what its planner knows up to date, as would happen within minutes.
async fn copy_database(url: &str) -> anyhow::Result<String> {
    let (base, name) = url.rsplit_once('/').context("the address ends in no database")?;
    let mut own = PgConnection::connect(url).await?;
    own.execute("vacuum (analyze)").await?;
    own.close().await?;
    let mut server = PgConnection::connect(&chatroom_tests::postgres::server_url()).await?;
    server.execute(AssertSqlSafe(format!("create database {name}_copy template {name}"))).await?;
    Ok(format!("{base}/{name}_copy"))
}

fn start_limit(copies: &[String], seeded: &Seeded, place: &Path) -> anyhow::Result<Process> {
    let users = seeded.owners.iter().chain(&seeded.joiners);
    let tokens: Vec<_> = users.map(|user| format!("{} {}", user.token, user.id)).collect();
    let file = place.join("tokens");
    fs::write(&file, tokens.join("\n"))?;
    let mut command = process::command(BINARY, &Environment::new());
    command.arg("limit").arg("--tokens").arg(file);
    for ((_, _, setting), copy) in DATABASES.iter().zip(copies) {
        command.arg(setting).arg(copy);
    }
    Ok(Process::spawn(BINARY, command))
}

/// How to reach the storage of a cluster directly. The standalone shape's cannot be reached: there it is one like it,
/// which is started.
async fn storage_beside(cluster: &Cluster, place: &Path) -> (Option<Store>, Environment) {
    match cluster.shape() {
        Shape::Distributed => (None, cluster.environment(Part::File)),
        Shape::Standalone => {
            let store = Store::start(&place.join("objects")).await;
            let environment = store.environment_at(store.address());
            (Some(store), environment)
        }
    }
}
