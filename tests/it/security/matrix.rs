//! The permission matrix: everyone × every route × what is theirs and what is somebody else's, each with the status
//! that is expected. The routes are those of the published description: one that this table does not have fails.

use std::collections::BTreeSet;

use chatroom_tests::{Client, client::send};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    suite::{Scenario, scenarios},
    world::{ICON, NOBODY, User, World, fresh_name, fresh_password, page_request, picture},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![Shared:
        every_caller_gets_what_the_matrix_says_on_every_route,
        the_matrix_has_every_route_of_the_description,
    ]
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Anonymous,
    Stranger,
    Member,
    Creator,
    CustomerService,
    Administrator,
}

const CALLERS: [Caller; 6] = [
    Caller::Anonymous,
    Caller::Stranger,
    Caller::Member,
    Caller::Creator,
    Caller::CustomerService,
    Caller::Administrator,
];

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// The page that the member joined, the creator made and the customer-service user serves.
    Own,
    /// A page with which none of them has to do.
    Foreign,
    /// A page that is not there.
    Missing,
}

/// The people and pages of one row of the matrix.
struct Scene {
    people: Vec<(Caller, Client)>,
    own: Place,
    foreign: Place,
}

/// A page and what belongs to it.
struct Place {
    page: Value,
    customer: String,
    file: String,
}

impl Scene {
    async fn new(world: &World) -> Self {
        let [creator, customer, member, stranger, outsider] =
            [world.user().await, world.user().await, world.user().await, world.user().await, world.user().await];
        let own = Place::new(world, &creator, &customer).await;
        let foreign = Place::new(world, &outsider, &outsider).await;
        member.client.post("/h5/merchant", &json!({"merchant": own.page})).await.ok();
        let administrator = world.administrator().await;
        let people = vec![
            (Caller::Anonymous, world.client()),
            (Caller::Stranger, stranger.client),
            (Caller::Member, member.client),
            (Caller::Creator, creator.client),
            (Caller::CustomerService, customer.client),
            (Caller::Administrator, administrator.client),
        ];
        Self { people, own, foreign }
    }

    fn client(&self, caller: Caller) -> &Client {
        let person = self.people.iter().find(|(who, _)| *who == caller);
        &person.expect("everybody is in the scene").1
    }

    fn page(&self, target: Target) -> Value {
        match target {
            Target::Own => self.own.page.clone(),
            Target::Foreign => self.foreign.page.clone(),
            Target::Missing => json!(NOBODY),
        }
    }

    fn customer(&self, target: Target) -> &str {
        match target {
            Target::Own => &self.own.customer,
            Target::Foreign => &self.foreign.customer,
            Target::Missing => NOBODY,
        }
    }

    fn file(&self, target: Target) -> &str {
        match target {
            Target::Own => &self.own.file,
            Target::Foreign => &self.foreign.file,
            Target::Missing => "/upload/20230821/0123456789012345678901234.png",
        }
    }
}

impl Place {
    async fn new(world: &World, owner: &User, customer: &User) -> Self {
        let page = world.page_served_by(owner, customer).await["_id"].take();
        let group = json!({"merchant": page, "name": "群", "icon": ICON});
        owner.client.post("/h5/group", &group).await.ok();
        let file = owner.client.upload("a.png", picture(100)).await.ok().data();
        let file = file.as_str().expect("a path is text").to_owned();
        Self { page, customer: customer.id.clone(), file }
    }
}

/// A route as the description writes it, how it is asked, and what it answers to whom.
struct Row {
    route: (&'static str, &'static str),
    ask: fn(&Scene, &Client, Target) -> reqwest::RequestBuilder,
    expected: fn(Caller, Target) -> u16,
}

const ROWS: [Row; 14] = [
    Row {
        route: ("POST", "/h5/user/reg"),
        ask: |_, client, _| {
            post(client, "/h5/user/reg", &json!({"username": fresh_name("user"), "password": fresh_password()}))
        },
        expected: |_, _| 200,
    },
    Row {
        route: ("POST", "/h5/user/login"),
        ask: |_, client, _| {
            let body = json!({"username": fresh_name("nobody"), "password": fresh_password()});
            post(&client.elsewhere(), "/h5/user/login", &body)
        },
        // The name is nobody's: that it is refused for that reason shows that anyone may try.
        expected: |_, _| 401,
    },
    Row {
        route: ("GET", "/h5/merchant"),
        ask: |_, client, _| client.request(Method::GET, "/h5/merchant"),
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("POST", "/h5/merchant"),
        ask: |scene, client, target| post(client, "/h5/merchant", &json!({"merchant": scene.page(target)})),
        expected: |caller, target| signed_in(caller, if target == Target::Missing { 404 } else { 200 }),
    },
    Row {
        route: ("POST", "/h5/merchant/createMerchant"),
        ask: |scene, client, target| post(client, "/h5/merchant/createMerchant", &page_request(scene.customer(target))),
        expected: |caller, target| signed_in(caller, if target == Target::Missing { 404 } else { 200 }),
    },
    Row {
        route: ("POST", "/h5/merchant/activationCode"),
        ask: |_, client, _| post(client, "/h5/merchant/activationCode", &json!({"count": 1})),
        expected: |caller, _| signed_in(caller, if caller == Caller::Administrator { 200 } else { 403 }),
    },
    Row {
        route: ("POST", "/h5/group/getGroup"),
        ask: |scene, client, target| post(client, "/h5/group/getGroup", &json!({"merchant": scene.page(target)})),
        expected: |caller, target| signed_in(caller, if target == Target::Missing { 404 } else { 200 }),
    },
    Row {
        route: ("POST", "/h5/group"),
        ask: |scene, client, target| {
            post(client, "/h5/group", &json!({"merchant": scene.page(target), "name": "群", "icon": ICON}))
        },
        expected: |caller, target| {
            signed_in(
                caller,
                match (caller, target) {
                    (_, Target::Missing) => 404,
                    (Caller::Creator, Target::Own) => 200,
                    _ => 403,
                },
            )
        },
    },
    Row {
        route: ("POST", "/upload"),
        ask: |_, client, _| {
            let part = reqwest::multipart::Part::bytes(picture(100)).file_name("a.png");
            client.request(Method::POST, "/upload").multipart(reqwest::multipart::Form::new().part("file", part))
        },
        expected: |caller, _| signed_in(caller, 200),
    },
    Row {
        route: ("GET", "/upload/{date}/{name}"),
        ask: |scene, client, target| client.request(Method::GET, scene.file(target)),
        expected: |_, target| if target == Target::Missing { 404 } else { 200 },
    },
    Row {
        route: ("HEAD", "/upload/{date}/{name}"),
        ask: |scene, client, target| client.request(Method::HEAD, scene.file(target)),
        expected: |_, target| if target == Target::Missing { 404 } else { 200 },
    },
    open("/.well-known/jwks.json", |_, client, _| client.request(Method::GET, "/.well-known/jwks.json")),
    open("/healthz", |_, client, _| client.request(Method::GET, "/healthz")),
    open("/readyz", |_, client, _| client.request(Method::GET, "/readyz")),
];

/// A route that answers everybody alike.
const fn open(path: &'static str, ask: fn(&Scene, &Client, Target) -> reqwest::RequestBuilder) -> Row {
    Row { route: ("GET", path), ask, expected: |_, _| 200 }
}

fn post(client: &Client, path: &str, body: &Value) -> reqwest::RequestBuilder {
    client.request(Method::POST, path).json(body)
}

fn signed_in(caller: Caller, status: u16) -> u16 {
    if caller == Caller::Anonymous { 401 } else { status }
}

async fn every_caller_gets_what_the_matrix_says_on_every_route(world: World) {
    for row in ROWS {
        // Joining changes who is who: every row has people of its own.
        let scene = Scene::new(&world).await;
        for caller in CALLERS {
            for target in [Target::Own, Target::Foreign, Target::Missing] {
                let answer = send((row.ask)(&scene, scene.client(caller), target)).await;
                let (method, path) = row.route;
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
    let in_matrix = ROWS.map(|row| (row.route.0.to_owned(), row.route.1.to_owned())).into_iter().collect();
    assert_eq!(described, in_matrix);
}
