//! Opening, finding and signing in to accounts.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chatroom_kit::{error::reason_of, ids::UserId, testing::Tokens};
use chatroom_proto::user::v1::Role;
use chatroom_user::config::Settings;
use chrono::{DateTime, TimeDelta};
use futures::future;
use tonic::Code;

use crate::world::{Service, reason, refused};

#[tokio::test]
async fn an_account_is_opened_and_signed_in_to() {
    let service = Service::start().await;
    let user = service.register(" Lily ", "123456", "").await.unwrap();
    assert_eq!((user.username.as_str(), user.role(), user.version), ("Lily", Role::User, 0));
    assert_eq!(user.create_time, user.update_time);
    let login = service.login("lILY", "123456").await.unwrap();
    assert_eq!(login.user.as_ref(), Some(&user));
    let caller = service.verifier.verify(&login.token).unwrap();
    assert_eq!(caller.id.to_string(), user.id);
    let week = service.clock.now().timestamp() + 7 * 24 * 60 * 60;
    assert_eq!(login.expire_time.unwrap().seconds, week);
}

#[tokio::test]
async fn any_signed_in_caller_sees_any_user() {
    let service = Service::start().await;
    let lily = service.register("lily", "123456", "").await.unwrap();
    service.register("rose", "123456", "").await.unwrap();
    let token = service.login("rose", "123456").await.unwrap().token;
    assert_eq!(service.get_user(&lily.id, Some(&token)).await.unwrap(), lily);
    let nobody = UserId::new().to_string();
    assert_eq!(reason(service.get_user(&nobody, Some(&token)).await), (Code::NotFound, "USER_NOT_FOUND".into()));
    assert_eq!(reason(service.get_user("lily", Some(&token)).await).0, Code::InvalidArgument);
    let unauthenticated = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
    assert_eq!(reason(service.get_user(&lily.id, None).await), unauthenticated);
    assert_eq!(reason(service.get_user(&lily.id, Some("x")).await), unauthenticated);
}

#[tokio::test]
async fn many_users_are_answered_at_once_to_users_and_services() {
    let service = Service::start().await;
    let lily = service.register("lily", "123456", "").await.unwrap();
    let rose = service.register("rose", "123456", "").await.unwrap();
    let token = service.login("rose", "123456").await.unwrap().token;
    let ids = [&lily.id, &UserId::new().to_string(), &rose.id, &lily.id].map(String::clone);
    let mut users = service.batch_get_users(&ids, &token).await.unwrap();
    users.sort_by(|one, other| one.username.cmp(&other.username));
    assert_eq!(users, [lily.clone(), rose]);

    let peer = Tokens::new(service.clock.clone());
    let service = Service::start_believing(&peer, service.clock).await;
    let ids = [lily.id];
    assert_eq!(service.batch_get_users(&ids, &peer.service("gateway")).await.unwrap(), []);
    assert_eq!(reason(service.batch_get_users(&ids, "x").await).0, Code::Unauthenticated);
    for ids in [vec![], vec![UserId::new().to_string(); 201], vec!["lily".into()]] {
        let (code, reason) = refused(service.batch_get_users(&ids, &peer.service("gateway")).await);
        assert_eq!((code, reason.metadata["field"].as_str()), (Code::InvalidArgument, "ids"));
    }
}

#[tokio::test]
async fn a_taken_name_is_refused_in_any_case() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    for name in ["lily", "LILY", "ｌｉｌｙ", " lily\n"] {
        let taken = (Code::AlreadyExists, "USERNAME_TAKEN".into());
        assert_eq!(reason(service.register(name, "654321", "").await), taken, "{name:?}");
    }
}

#[tokio::test]
async fn fields_that_break_their_rule_are_named() {
    let service = Service::start().await;
    let long = "x".repeat(200);
    for (username, password, request_id, field, problem) in [
        ("", "123456", "", "username", "MISSING"),
        (long.as_str(), "123456", "", "username", "TOO_LONG"),
        ("a\u{202E}b", "123456", "", "username", "MALFORMED"),
        ("lily", "", "", "password", "MISSING"),
        ("lily", "12345", "", "password", "TOO_SHORT"),
        ("lily", long.as_str(), "", "password", "TOO_LONG"),
        ("lily", "123456", long.as_str(), "request_id", "TOO_LONG"),
    ] {
        let (code, reason) = refused(service.register(username, password, request_id).await);
        assert_eq!((code, reason.reason.as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
        assert_eq!((reason.metadata["field"].as_str(), reason.metadata["problem"].as_str()), (field, problem));
    }
    let (_, reason) = refused(service.login_from("somewhere", "lily", "123456").await);
    assert_eq!(reason.metadata["field"], "client_address");
}

#[tokio::test]
async fn a_repeated_registration_answers_the_first_account() {
    let service = Service::start().await;
    let first = service.register("lily", "123456", "r-1").await.unwrap();
    assert_eq!(service.register("lily", "123456", "r-1").await.unwrap(), first);
    let taken = (Code::AlreadyExists, "USERNAME_TAKEN".to_owned());
    assert_eq!(reason(service.register("lily", "654321", "r-1").await), taken);
    assert_eq!(reason(service.register("lily", "123456", "r-2").await), taken);
    assert_eq!(reason(service.register("lily", "123456", "").await), taken);
    service.clock.advance(Duration::from_hours(24));
    assert_eq!(reason(service.register("lily", "123456", "r-1").await), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_repetitions_open_one_account() {
    let service = Service::start().await;
    let users = future::try_join_all((0..4).map(|_| service.register("lily", "123456", "r-1"))).await.unwrap();
    assert!(users.iter().all(|user| *user == users[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_registrations_of_one_name_one_succeeds() {
    let service = Service::start().await;
    let outcomes = future::join_all((0..50).map(|_| service.register("lily", "123456", ""))).await;
    let (opened, refused): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    assert_eq!(opened.len(), 1);
    for outcome in refused {
        assert_eq!(reason(outcome).1, "USERNAME_TAKEN");
    }
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_told_apart_by_nothing() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let wrong = service.login("lily", "1234567").await.unwrap_err();
    let unknown = service.login("rose", "123456").await.unwrap_err();
    assert_eq!(
        (wrong.code(), reason_of(&wrong).unwrap().reason.as_str()),
        (Code::Unauthenticated, "INVALID_CREDENTIALS")
    );
    assert_eq!((wrong.message(), wrong.details()), (unknown.message(), unknown.details()));
}

#[tokio::test]
async fn repeated_failures_are_refused_from_their_address_and_no_other() {
    for name in ["lily", "nobody"] {
        let service = Service::start().await;
        service.register("lily", "123456", "").await.unwrap();
        for _ in 0..10 {
            assert_eq!(reason(service.login(name, "654321").await).1, "INVALID_CREDENTIALS");
        }
        let (code, blocked) = refused(service.login(name, "123456").await);
        assert_eq!((code, blocked.reason.as_str()), (Code::ResourceExhausted, "TOO_MANY_ATTEMPTS"));
        assert_eq!(blocked.retry_after, Some(Duration::from_secs(30)));
        assert_eq!(reason(service.login("another", "123456").await).1, "TOO_MANY_ATTEMPTS");
        assert!(service.login_from("203.0.113.8", "lily", "123456").await.is_ok());
        service.clock.advance(Duration::from_secs(30));
        assert!(service.login("lily", "123456").await.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_failures_do_not_slip_past_the_limit() {
    let service = Service::start().await;
    let outcomes = future::join_all((0..50).map(|_| service.login("lily", "123456"))).await;
    let reasons: Vec<_> = outcomes.into_iter().map(|outcome| reason(outcome).1).collect();
    assert_eq!(reasons.iter().filter(|reason| *reason == "INVALID_CREDENTIALS").count(), 10);
    assert_eq!(reasons.iter().filter(|reason| *reason == "TOO_MANY_ATTEMPTS").count(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_logins_with_the_right_password_all_succeed() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    future::try_join_all((0..12).map(|_| service.login("lily", "123456"))).await.unwrap();
}

#[tokio::test]
async fn where_many_share_an_address_it_bears_more() {
    let settings = Settings { token_ttl: TimeDelta::days(7), password_min_length: 1, login_failures_per_address: 12 };
    let service = Service::start_with(settings).await;
    service.register("lily", "1", "").await.unwrap();
    for name in ["rose", "iris"] {
        for _ in 0..5 {
            assert_eq!(reason(service.login(name, "1").await).1, "INVALID_CREDENTIALS");
        }
    }
    assert!(service.login("lily", "1").await.is_ok());
}

/// The role that a token names.
fn role_in(token: &str) -> i64 {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&payload).unwrap()["role"].as_i64().unwrap()
}

#[tokio::test]
async fn an_administrator_is_made_and_unmade() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    chatroom_user::grant_admin(&service.store, "LILY", &service.clock).await.unwrap();
    let login = service.login("lily", "123456").await.unwrap();
    assert_eq!(role_in(&login.token), 1);
    let user = login.user.unwrap();
    assert_eq!((user.role(), user.version), (Role::Administrator, 1));
    chatroom_user::revoke_admin(&service.store, "lily", &service.clock).await.unwrap();
    let user = service.login("lily", "123456").await.unwrap().user.unwrap();
    assert_eq!((user.role(), user.version), (Role::User, 2));
    let error = chatroom_user::grant_admin(&service.store, "rose", &service.clock).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no user called rose");
}

#[tokio::test]
async fn a_token_ends_when_it_says() {
    let service = Service::start().await;
    service.register("lily", "123456", "").await.unwrap();
    let login = service.login("lily", "123456").await.unwrap();
    let ends = DateTime::from_timestamp(login.expire_time.unwrap().seconds, 0).unwrap();
    let just_before = ends - TimeDelta::milliseconds(1);
    service.clock.advance((just_before - service.clock.now()).to_std().unwrap());
    assert!(service.verifier.verify(&login.token).is_ok());
    service.clock.advance(Duration::from_millis(1));
    assert!(service.verifier.verify(&login.token).is_err());
}
