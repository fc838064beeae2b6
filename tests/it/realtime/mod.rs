//! The chat as it is heard: over WebSockets, on one gateway and on several.

mod devices;
mod drain;
mod frames;
mod fuzz;
mod membership;
mod presence;
mod replicas;
mod resume;
mod slow;
mod talk;

use chatroom_tests::socket::Socket;
use serde_json::Value;

use crate::{
    suite::Scenario,
    world::{User, World},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    [
        talk::scenarios(),
        frames::scenarios(),
        membership::scenarios(),
        devices::scenarios(),
        presence::scenarios(),
        resume::scenarios(),
        slow::scenarios(),
        drain::scenarios(),
        replicas::scenarios(),
        fuzz::scenarios(),
    ]
    .concat()
}

/// A socket on which `user` is signed in.
pub(crate) async fn connect(world: &World, user: &User) -> Socket {
    connect_with(world, user).await.0
}

/// The same, with what the user was told.
async fn connect_with(world: &World, user: &User) -> (Socket, Value) {
    Socket::connect(&world.cluster.url(), token(user)).await
}

/// A user's token.
pub(crate) fn token(user: &User) -> &str {
    user.client.token().expect("the user is signed in")
}

/// The group's standing in what someone was told who has connected.
fn standing<'a>(connected: &'a Value, group: &str) -> &'a Value {
    let groups = connected["groups"].as_array().expect("groups are listed");
    groups.iter().find(|standing| standing["group"] == group).expect("the group is listed")
}
