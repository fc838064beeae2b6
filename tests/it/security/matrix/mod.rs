//! The permission matrix: everyone × every route × what is theirs and what is somebody else's, each with the status
//! that is expected. The routes are those of the published description: one that this table does not have fails.

mod account;
mod chat;
mod frames;
mod house;
mod pages;
mod row;
mod scene;

use std::collections::BTreeSet;

use chatroom_tests::client::send;

use self::{
    row::Row,
    scene::{CALLERS, Scene, Target},
};
use crate::{
    account::session::signed_out,
    suite::{Scenario, scenarios},
    world::World,
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let frames = frames::scenarios();
    let routes = scenarios![Shared:
        every_caller_gets_what_the_matrix_says_on_every_route,
        the_matrix_has_every_route_of_the_description,
    ];
    [routes, frames].concat()
}

fn rows() -> impl Iterator<Item = &'static Row> {
    account::ROWS.iter().chain(pages::ROWS).chain(chat::ROWS).chain(house::ROWS)
}

async fn every_caller_gets_what_the_matrix_says_on_every_route(world: World) {
    for row in rows() {
        // Joining changes who is who: every row has people of its own.
        let scene = Scene::new(&world).await;
        for caller in CALLERS {
            for target in [Target::Own, Target::Foreign, Target::Missing] {
                let answer = send((row.ask)(&scene, caller, target)).await;
                let (method, path) = row.route;
                // The next target is expected to find the session ended.
                if path.starts_with("/h5/user/logout") && answer.status.is_success() {
                    signed_out(scene.client(caller)).await;
                }
                assert_eq!(
                    answer.status.as_u16(),
                    (row.expected)(caller, target),
                    "{caller:?} on {method} {path}, {target:?}: {answer:?}"
                );
            }
        }
    }
}

async fn the_matrix_has_every_route_of_the_description(world: World) {
    let description = world.client().get("/openapi.json").await.ok().json();
    let paths = description["paths"].as_object().expect("a description has paths");
    let described = paths
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("a path has methods").keys();
            methods.map(|method| (method.to_uppercase(), path.clone())).collect::<Vec<_>>()
        })
        .collect::<BTreeSet<_>>();
    let in_matrix = rows().map(|row| (row.route.0.to_owned(), row.route.1.to_owned())).collect();
    assert_eq!(described, in_matrix);
}
