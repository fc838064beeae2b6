//! Services that prove themselves to each other: that everything works so, that whoever proves nothing is refused, and
//! that certificates are replaced while it serves. On the distributed shape only: in one process nobody asks.

mod authority;
mod load;

use std::time::Duration;

use chatroom_tests::{Part, Shape, cluster::Builder, process::PATIENCE, socket::Socket};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

use self::{
    authority::{Authority, CERTIFIED, Folders, Proof},
    load::Load,
};
use crate::{
    chat::room::Room,
    suite::{Scenario, scenarios},
    world::{World, page_request, picture, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    scenarios![OwnServices:
        services_that_prove_themselves_do_everything,
        a_caller_that_proves_nothing_is_refused,
        a_service_that_is_not_who_it_should_be_is_not_asked,
        certificates_are_replaced_without_a_failed_request,
    ]
}

const SERVICES: [Part; 4] = [Part::User, Part::Merchant, Part::Group, Part::File];

fn secured(folders: &Folders) -> Builder {
    // Three files are not written at once: a service may look when only some of them are.
    usual(Shape::Distributed).certificates(folders.path()).announce("certificates kept as they were")
}

async fn services_that_prove_themselves_do_everything() {
    let authority = Authority::new("services");
    let folders = Folders::of(&authority);
    let world = World::own(secured(&folders)).await;
    let owner = world.user().await;
    let bytes = picture(100_000);
    let icon = owner.client.upload("a.png", bytes.clone()).await.ok().data();
    let mut page = page_request(&world.user().await.id);
    page["icon"] = icon.clone();
    let page = owner.client.post("/h5/merchant/createMerchant", &page).await.ok().data()[0].take();
    owner.client.post("/h5/user/profile", &json!({"nickname": "小蓝", "avatar": icon})).await.ok();
    let room = Room::on(&world, owner, &page).await;
    let member = room.member(&world).await;
    let (mut socket, _) = Socket::connect(&world.cluster.url(), member.client.token().unwrap()).await;
    let said = room.say(&room.owner, "今天天气很好").await;
    let heard = socket.event().await;
    assert_eq!(heard["message"]["_id"], said["_id"], "{heard}");
    assert_eq!(heard["message"]["user"]["nickname"], "小蓝", "{heard}");
    let file = world.client().request(Method::GET, icon.as_str().unwrap()).send().await.unwrap();
    assert!(file.bytes().await.unwrap() == bytes);
}

/// How the service at `part` answers a caller that believes `authority` and proves itself with `proof`.
async fn ask(world: &World, part: Part, authority: &Authority, proof: Option<&Proof>) -> Result<(), String> {
    let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&authority.certificate));
    if let Some(proof) = proof {
        tls = tls.identity(Identity::from_pem(&proof.certificate, &proof.key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", world.cluster.address_of(part))).unwrap();
    healthy(endpoint.tls_config(tls).unwrap()).await
}

async fn healthy(endpoint: Endpoint) -> Result<(), String> {
    let channel = endpoint.connect().await.map_err(|error| format!("{error:?}"))?;
    let health = HealthClient::new(channel).check(HealthCheckRequest::default()).await;
    let health = health.map_err(|status| format!("{status:?}"))?.into_inner();
    assert_eq!(health.status(), ServingStatus::Serving);
    Ok(())
}

async fn a_caller_that_proves_nothing_is_refused() {
    let (authority, other) = (Authority::new("services"), Authority::new("others"));
    let folders = Folders::of(&authority);
    let world = World::own(secured(&folders)).await;
    let (known, foreign) = (authority.certify(&["gateway"]), other.certify(&["gateway"]));
    for part in SERVICES {
        let plain = Endpoint::from_shared(format!("http://{}", world.cluster.address_of(part))).unwrap();
        healthy(plain).await.expect_err("a caller without TLS is answered");
        ask(&world, part, &authority, None).await.expect_err("a caller without a certificate is answered");
        let refused = ask(&world, part, &authority, Some(&foreign)).await;
        refused.expect_err("a caller with a certificate of another authority is answered");
        ask(&world, part, &authority, Some(&known)).await.expect("a caller that proves itself is answered");
    }
}

async fn a_service_that_is_not_who_it_should_be_is_not_asked() {
    let (authority, other) = (Authority::new("services"), Authority::new("others"));
    let folders = Folders::of(&authority);
    let mut world = World::own(secured(&folders)).await;
    let user = world.user().await;
    let login = async |world: &World| world.client().login(&user.name, &user.password).await;
    for impostor in [other.certify(&["user", "127.0.0.1"]), authority.certify(&["elsewhere"])] {
        world.cluster_mut().kill(Part::User);
        folders.put(Part::User, &impostor, &[&authority]);
        world.cluster_mut().restart(Part::User);
        let refused = login(&world).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{refused:?}");
        // The real one again, without a restart.
        folders.put(Part::User, &authority.certify(&["user", "127.0.0.1"]), &[&authority]);
        let served = async {
            while login(&world).await.status != StatusCode::OK {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(PATIENCE, served).await.expect("the real one is asked");
    }
}

/// How often every part has taken new certificates in.
fn taken_in(world: &World) -> usize {
    let count = |part: Part| {
        let lines = world.cluster.process(part).lines();
        lines.iter().filter(|line| line.contains("certificates read again")).count()
    };
    CERTIFIED.into_iter().map(count).min().unwrap_or_default()
}

/// Gives every service a certificate of `authority`'s, lets it believe `believed`, and waits until all do.
async fn renew(world: &World, folders: &Folders, authority: &Authority, believed: &[&Authority]) {
    let before = taken_in(world);
    folders.renew(authority, believed);
    let proof = authority.certify(&["anybody"]);
    let taken = async {
        while taken_in(world) == before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for part in SERVICES {
            while ask(world, part, authority, Some(&proof)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.expect("new certificates are taken in");
}

async fn certificates_are_replaced_without_a_failed_request() {
    let (first, second) = (Authority::new("first"), Authority::new("second"));
    let folders = Folders::of(&first);
    let mut world = World::own(secured(&folders)).await;
    let load = Load::start(&world).await;
    load.goes_on().await;
    // Renewed, and then the authority replaced as it is documented: first both are believed, then the new one certifies,
    // then the old one is believed no more.
    let steps: [(&Authority, &[&Authority]); 4] =
        [(&first, &[&first]), (&first, &[&first, &second]), (&second, &[&first, &second]), (&second, &[&second])];
    for (authority, believed) in steps {
        renew(&world, &folders, authority, believed).await;
        load.goes_on().await;
    }
    let failed = load.end().await;
    assert!(failed.is_empty(), "{} requests failed: {failed:?}", failed.len());
    let old = first.certify(&["gateway"]);
    for part in SERVICES {
        ask(&world, part, &second, Some(&old)).await.expect_err("the old authority is still believed");
        ask(&world, part, &first, Some(&second.certify(&["gateway"]))).await.expect_err("the old certificate is shown");
    }
    // Connections that are made from now on are made with the new ones.
    for part in SERVICES {
        world.cluster_mut().kill(part);
        world.cluster_mut().restart(part);
    }
    let load = Load::start(&world).await;
    load.goes_on().await;
    let failed = load.end().await;
    assert!(failed.is_empty(), "{} requests failed: {failed:?}", failed.len());
}
