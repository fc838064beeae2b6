//! Threats to signing in.

use std::time::{Duration, Instant};

use chatroom_tests::{
    Client,
    client::{Answer, fresh_address},
};
use reqwest::StatusCode;
use serde_json::json;

use crate::{
    suite::{Scenario, scenarios},
    world::{World, fresh_name, fresh_password, sign_in},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        unknown_user_and_wrong_password_are_the_same_bytes,
        failures_are_counted_per_account_and_address,
        failures_of_unknown_names_are_counted_alike,
        failures_are_counted_per_address_in_all,
        administrator_rights_are_checked_against_the_current_role,
    ];
    let quiet = scenarios![Quiet: unknown_user_and_wrong_password_take_the_same_time];
    [shared, quiet].concat()
}

async fn unknown_user_and_wrong_password_are_the_same_bytes(world: World) {
    let user = world.user().await;
    let wrong = world.client().login(&user.name, &fresh_password()).await;
    assert_eq!((wrong.status, &*wrong.reason()), (StatusCode::UNAUTHORIZED, "INVALID_CREDENTIALS"));
    let short = world.client().login(&user.name, "1").await;
    for unknown in [
        short,
        world.client().login(&fresh_name("nobody"), &fresh_password()).await,
        world.client().login(&fresh_name("nobody"), "1").await,
    ] {
        assert_eq!(unknown.status, wrong.status);
        assert_eq!(unknown.text, wrong.text);
        let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(&unknown), names(&wrong));
    }
}

/// 200 tries of each kind, in turn, so that the machine's drift meets both alike.
async fn unknown_user_and_wrong_password_take_the_same_time(world: World) {
    const TRIES: usize = 200;
    let user = world.user().await;
    let client = world.client();
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for index in 0..TRIES {
        let nobody = fresh_name("nobody");
        let mut names = [(&user.name, &mut wrong), (&nobody, &mut unknown)];
        if index % 2 == 1 {
            names.reverse();
        }
        for (name, times) in names {
            let client = client.at(fresh_address());
            let begun = Instant::now();
            let answer = client.login(name, "never the right one").await;
            times.push(begun.elapsed());
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        }
    }
    // The lower quartile: what else the machine does only adds to a time.
    let quartile = |times: &mut Vec<Duration>| {
        times.sort();
        times[TRIES / 4].as_secs_f64()
    };
    let (wrong, unknown) = (quartile(&mut wrong), quartile(&mut unknown));
    let ratio = wrong.max(unknown) / wrong.min(unknown);
    assert!(ratio < 1.1, "a wrong password takes {wrong} s, an unknown user {unknown} s");
}

/// Fails to sign in as `name` until the server has had enough; answers how often it failed, and the refusal.
async fn fail_until_refused(client: &Client, name: impl Fn() -> String) -> (usize, Answer) {
    for failures in 0..200 {
        let answer = client.login(&name(), &fresh_password()).await;
        if answer.status != StatusCode::UNAUTHORIZED {
            return (failures, answer);
        }
    }
    panic!("200 failures were not too many");
}

fn assert_too_many(answer: &Answer) {
    assert_eq!((answer.status, &*answer.reason()), (StatusCode::TOO_MANY_REQUESTS, "TOO_MANY_ATTEMPTS"));
    assert!(answer.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{answer:?}");
}

async fn failures_are_counted_per_account_and_address(world: World) {
    let user = world.user().await;
    let attacker = world.client();
    let (failures, refused) = fail_until_refused(&attacker, || user.name.clone()).await;
    assert_eq!(failures, 10);
    assert_too_many(&refused);
    // Even the right password is not tried now, under no spelling of the name; elsewhere nothing has happened.
    for name in [user.name.to_uppercase(), format!(" {} ", user.name)] {
        assert_too_many(&attacker.login(&name, &user.password).await);
    }
    sign_in(&world.client(), &user.name, &user.password).await;
    sign_in(&attacker.at("10.200.0.1"), &user.name, &user.password).await;
}

async fn failures_of_unknown_names_are_counted_alike(world: World) {
    let attacker = world.client();
    let name = fresh_name("nobody");
    let (failures, refused) = fail_until_refused(&attacker, || name.clone()).await;
    assert_eq!(failures, 10);
    assert_too_many(&refused);
    let known = world.user().await;
    let (_, as_known) = fail_until_refused(&attacker.elsewhere(), || known.name.clone()).await;
    assert_eq!(refused.text, as_known.text);
}

async fn failures_are_counted_per_address_in_all(world: World) {
    let attacker = world.client();
    let (_, refused) = fail_until_refused(&attacker, || fresh_name("nobody")).await;
    assert_too_many(&refused);
    let user = world.user().await;
    assert_too_many(&attacker.login(&user.name, &fresh_password()).await);
    sign_in(&world.client(), &user.name, &user.password).await;
}

async fn administrator_rights_are_checked_against_the_current_role(world: World) {
    let user = world.user().await;
    let issue = || async { user.client.post("/h5/merchant/activationCode", &json!({"count": 1})).await };
    assert_eq!(issue().await.status, StatusCode::FORBIDDEN);
    // The token stays the one that was made for an ordinary user.
    world.cluster.grant_administrator(&user.name);
    issue().await.ok();
}
