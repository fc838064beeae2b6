//! Threats to registration.

use std::time::{Duration, Instant};

use chatroom_tests::client::Client;
use futures::{StreamExt as _, future::join_all, stream};
use reqwest::StatusCode;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    suite::{Scenario, scenarios},
    world::{NOBODY, World, fresh_name, fresh_password, sign_in},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        role_id_and_created_at_in_the_body_change_nothing,
        fifty_concurrent_registrations_of_one_name_give_one_account,
    ];
    let quiet = scenarios![Quiet: a_flood_of_hashing_leaves_get_merchant_answering];
    [shared, quiet].concat()
}

async fn role_id_and_created_at_in_the_body_change_nothing(world: World) {
    let client = world.client();
    let (name, password) = (fresh_name("user"), fresh_password());
    let body = json!({
        "username": name, "password": password, "role": 1, "_id": NOBODY, "__v": 9,
        "createdAt": "2001-01-01T00:00:00.000Z", "updatedAt": "2001-01-01T00:00:00.000Z",
    });
    let account = client.post("/h5/user/reg", &body).await.ok().data()[0].take();
    let user = sign_in(&client, &name, &password).await;
    let session = client.login(&name, &password).await.ok().data();
    for record in [account, session] {
        assert_eq!(record["role"], 0);
        assert_eq!(record["__v"], 0);
        assert_ne!(record["_id"], NOBODY);
        assert!(record["createdAt"].as_str().is_some_and(|time| time > "2023"), "{record}");
    }
    let answer = user.client.post("/h5/merchant/activationCode", &json!({"count": 1})).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

async fn fifty_concurrent_registrations_of_one_name_give_one_account(world: World) {
    let name = fresh_name("Wanted");
    let client = world.client();
    let passwords = (0..50).map(|_| fresh_password()).collect::<Vec<_>>();
    let answers = join_all(passwords.iter().enumerate().map(|(index, password)| {
        let name = if index % 2 == 0 { name.to_lowercase() } else { name.to_uppercase() };
        let client = client.clone();
        async move { client.register(&name, password).await }
    }))
    .await;
    let winners = answers.iter().zip(&passwords).filter(|(answer, _)| answer.status == StatusCode::OK);
    let winners = winners.map(|(_, password)| password).collect::<Vec<_>>();
    assert_eq!(winners.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        let refused = (answer.status, &*answer.reason());
        // On a slow machine the last of them wait for their turn to hash for longer than they may.
        let expected = [(StatusCode::CONFLICT, "USERNAME_TAKEN"), (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED")];
        assert!(expected.contains(&refused), "{answer:?}");
    }
    sign_in(&client, &name, winners[0]).await;
}

/// How long each of `count` lists took, one after the other, sorted.
async fn list_times(client: &Client, count: usize) -> Vec<Duration> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let begun = Instant::now();
        client.get("/h5/merchant").await.ok();
        times.push(begun.elapsed());
    }
    times.sort();
    times
}

/// The bound is generous, since the flood itself is made on this machine: without a bounded pool a list waits for
/// every hash before it, which is seconds on two cores.
async fn a_flood_of_hashing_leaves_get_merchant_answering(world: World) {
    const FLOOD: usize = 400;
    let user = world.user().await;
    world.page(&user).await;
    let usual = list_times(&user.client, 100).await;
    for process in world.cluster.processes() {
        process.forget_peak_memory();
    }
    let before = world.cluster.processes().map(chatroom_tests::Process::peak_memory).sum::<u64>();
    let over = CancellationToken::new();
    let flood = async {
        let attempts = stream::iter(0..FLOOD)
            .map(|_| async { world.client().register(&fresh_name("flood"), &fresh_password()).await });
        let answers = attempts.buffer_unordered(FLOOD).collect::<Vec<_>>().await;
        over.cancel();
        answers
    };
    let lists = async {
        let mut times = Vec::new();
        while !over.is_cancelled() {
            times.extend(list_times(&user.client, 1).await);
        }
        times.sort();
        times
    };
    let (answers, times) = tokio::join!(flood, lists);
    let after = world.cluster.processes().map(chatroom_tests::Process::peak_memory).sum::<u64>();
    let (hashed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::OK);
    assert!(!hashed.is_empty(), "a flood leaves some registrations");
    assert!(!refused.is_empty(), "no registration was refused: the pool has no bound, or the flood is too small");
    for answer in refused {
        assert_eq!((answer.status, &*answer.reason()), (StatusCode::SERVICE_UNAVAILABLE, "OVERLOADED"));
        assert!(answer.header("retry-after").parse::<u64>().is_ok(), "{answer:?}");
    }
    let (usual, during) = (usual[usual.len() / 2], times[times.len() / 2]);
    let bound = usual * 10 + Duration::from_millis(300);
    assert!(during < bound, "a list took {during:?} in the flood and {usual:?} before it");
    let grown = after.saturating_sub(before);
    assert!(grown < 256 << 20, "memory grew by {grown} bytes");
}
