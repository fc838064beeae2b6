//! An operator who saves a cluster and restores it by the commands of `deploy/README.md`, word for word. Kubernetes is
//! not here: what it would stop and start, the scenario does.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use chatroom_tests::{Cluster, Part, Shape, postgres, process::PATIENCE};
use tempfile::TempDir;

use crate::operation::parts;

const GUIDE: &str = include_str!("../../../deploy/README.md");

/// The services that have a database, and the setting that names it.
const STORED: [Part; 3] = [Part::User, Part::Merchant, Part::Group];
const DATABASE: &str = "CHATROOM_DATABASE_URL";

/// An operator.
pub(super) struct Operator {
    /// Where they work, but for one process: there it is the folder that `data` is in.
    place: TempDir,
}

impl Operator {
    pub(super) fn new() -> Self {
        Self { place: tempfile::tempdir().expect("a folder can be made") }
    }

    /// Saves everything while it runs.
    pub(super) fn back_up(&self, cluster: &Cluster) {
        if cluster.shape() == Shape::Distributed {
            self.keep_secrets(cluster);
            self.run(cluster, "aws s3 mb s3://chatroom-backup");
        }
        self.run(cluster, commands("## Backup", cluster.shape()));
    }

    /// Loses everything that is stored, the file at `path` included, restores what was saved, and starts again.
    pub(super) async fn lose_and_restore(&self, cluster: &mut Cluster, path: &str) {
        let shape = cluster.shape();
        for &part in parts(shape) {
            let mut process = cluster.take(part);
            process.terminate();
            assert!(process.wait(PATIENCE).is_some_and(|status| status.success()), "{part:?} did not end well");
        }
        match shape {
            Shape::Standalone => fs::remove_dir_all(cluster.data_dir()).expect("a folder can be lost"),
            Shape::Distributed => {
                for part in STORED {
                    cluster.reconfigure(part, DATABASE, Some(postgres::fresh_database().await));
                }
                self.keep_secrets(cluster);
                self.run(cluster, &format!("aws s3 rm s3://chatroom/{path}"));
            }
        }
        self.run(cluster, commands("## Restore", shape));
        for &part in parts(shape).iter().rev() {
            cluster.restart(part);
        }
    }

    /// Writes the files in which a deployment keeps the addresses of its databases.
    fn keep_secrets(&self, cluster: &Cluster) {
        let secrets = self.place.path().join("secrets");
        fs::create_dir_all(&secrets).expect("a folder can be made");
        for part in STORED {
            let url = &cluster.environment(part)[DATABASE];
            fs::write(secrets.join(format!("{}.env", part.name())), format!("{DATABASE}={url}\n")).expect("it is ours");
        }
    }

    /// Runs commands, and expects each of them to succeed.
    fn run(&self, cluster: &Cluster, commands: &str) {
        let mut shell = Command::new("bash");
        let mut script = format!("kubectl() {{ :; }}\n{commands}");
        let place = match cluster.shape() {
            Shape::Standalone => cluster.data_dir().parent().map(Path::to_owned).expect("a data folder is in another"),
            Shape::Distributed => {
                let store = cluster.environment(Part::File);
                for (variable, setting) in [
                    ("AWS_ENDPOINT_URL", "CHATROOM_S3_ENDPOINT"),
                    ("AWS_REGION", "CHATROOM_S3_REGION"),
                    ("AWS_ACCESS_KEY_ID", "CHATROOM_S3_ACCESS_KEY"),
                    ("AWS_SECRET_ACCESS_KEY", "CHATROOM_S3_SECRET_KEY"),
                ] {
                    shell.env(variable, &store[setting]);
                }
                script = script.replace("s3://chatroom", &format!("s3://{}", store["CHATROOM_S3_BUCKET"]));
                self.place.path().to_owned()
            }
        };
        let ran = shell.env("PATH", path()).args(["-euo", "pipefail", "-c", &script]).current_dir(place).output();
        let ran = ran.expect("there is a shell");
        assert!(ran.status.success(), "{commands}\n{}", String::from_utf8_lossy(&ran.stderr));
    }
}

/// The commands below a heading of the guide: first those for services, then those for one process.
fn commands(heading: &str, shape: Shape) -> &'static str {
    let (_, section) = GUIDE.split_once(&format!("\n{heading}\n")).expect("the guide has this section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut blocks = section.split("```sh\n").skip(1).filter_map(|rest| rest.split_once("```")).map(|(block, _)| block);
    let block = match shape {
        Shape::Distributed => blocks.next(),
        Shape::Standalone => blocks.nth(1),
    };
    block.expect("the section has commands for each shape")
}

/// Where commands are looked for: first among the tools that `tests/run.sh` installs.
fn path() -> std::ffi::OsString {
    let test = env::current_exe().expect("a running test has a path");
    let tools = test.ancestors().map(|folder| folder.join("tools/aws/bin")).filter(|folder| folder.exists());
    let others = env::var_os("PATH").unwrap_or_default();
    let folders = tools.chain(env::split_paths(&others)).collect::<Vec<PathBuf>>();
    env::join_paths(folders).expect("folders of a path can be joined again")
}
