//! One shape of the product with users in it, and for each measure a limit beside it. Owns both while they are measured.

use std::fs;

use anyhow::Context as _;
use chatroom_tests::{Cluster, Part, Process, Shape, process, process::Environment};
use tempfile::TempDir;

use super::{
    load::Target,
    measure::Talk,
    world::{Room, World},
};
use crate::{
    rig::{BINARY, unlimited, watched},
    start,
    usage::Watched,
};

/// A shape that can be measured.
pub(crate) struct Rig {
    /// The product.
    pub(crate) cluster: Cluster,
    /// Who is in it.
    pub(crate) world: World,
}

/// A running limit.
pub(crate) struct Limit {
    process: Process,
    /// Where it reads who is in which room.
    _place: TempDir,
}

impl Rig {
    /// Starts a shape with so many users.
    pub(crate) async fn start(shape: Shape, users: usize) -> anyhow::Result<Self> {
        let cluster = unlimited(shape).start().await;
        let world = World::make(cluster.address(), users).await?;
        Ok(Self { cluster, world })
    }

    /// Opens rooms for a measure.
    pub(crate) async fn open_rooms(&self, talk: Talk) -> anyhow::Result<Vec<Room>> {
        self.world.open_rooms(self.cluster.address(), talk.rooms, talk.members).await
    }

    /// The product.
    pub(crate) fn target(&self) -> Target {
        Target { address: self.cluster.address(), processes: self.processes() }
    }

    /// The product's processes, the one that holds the sockets first.
    pub(crate) fn processes(&self) -> Vec<Watched> {
        let front = self.cluster.process(self.cluster.front()).id();
        let mut all: Vec<_> = self.cluster.processes().map(watched).collect();
        all.sort_by_key(|process| process.id != front);
        all
    }

    /// Stops every process of the product.
    pub(crate) fn stop(&mut self) -> anyhow::Result<()> {
        start::stop(&mut self.cluster)
    }

    /// Starts every process again.
    pub(crate) async fn start_again(&mut self) -> anyhow::Result<()> {
        start::restart(&mut self.cluster);
        start::first_answer(&self.cluster, &self.world.users[0].token).await
    }

    /// Where the group service's records are.
    pub(crate) fn group_database(&self) -> String {
        self.database(Part::Group, "group.db")
    }

    /// Where the user service's records are.
    pub(crate) fn user_database(&self) -> String {
        self.database(Part::User, "user.db")
    }

    fn database(&self, part: Part, file: &str) -> String {
        match self.cluster.shape() {
            Shape::Standalone => format!("sqlite://{}", self.cluster.data_dir().join(file).display()),
            Shape::Distributed => self.cluster.environment(part)["CHATROOM_DATABASE_URL"].clone(),
        }
    }
}

impl Limit {
    /// Starts a limit that serves these rooms.
    pub(crate) fn start(rooms: &[Room]) -> anyhow::Result<Self> {
        let place = tempfile::tempdir()?;
        let file = place.path().join("members");
        let lines: Vec<_> =
            rooms.iter().flat_map(|room| room.tokens.iter().map(|token| format!("{token} {}", room.group))).collect();
        fs::write(&file, lines.join("\n")).context("the members cannot be written")?;
        let mut command = process::command(BINARY, &Environment::new());
        command.arg("broadcast").arg("--members").arg(file);
        Ok(Self { process: Process::spawn(BINARY, command), _place: place })
    }

    /// The limit.
    pub(crate) fn target(&self) -> Target {
        Target { address: self.process.address(), processes: vec![watched(&self.process)] }
    }
}
