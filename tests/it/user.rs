//! Accounts: what a name and a password may be.

use chatroom_tests::{Part, Shape, records};
use reqwest::StatusCode;

use crate::{
    suite::{Scenario, scenarios},
    world::{World, fresh_name, fresh_password, sign_in, usual},
};

pub(crate) fn scenarios() -> Vec<Scenario> {
    let shared = scenarios![Shared:
        a_name_is_shown_as_written_and_unique_without_regard_to_case,
        a_name_has_1_to_32_characters_and_no_control_characters,
        a_password_has_6_to_128_characters,
        a_password_is_never_trimmed_or_truncated,
        a_password_is_never_answered,
    ];
    let own = scenarios![Own: a_password_is_stored_as_an_argon2id_hash, the_least_length_of_a_password_is_a_setting];
    [shared, own].concat()
}

async fn a_name_is_shown_as_written_and_unique_without_regard_to_case(world: World) {
    let client = world.client();
    let number = fresh_name("");
    let (written, password) = (format!("Élise Straße 小蓝{number}"), fresh_password());
    let answer = client.register(&written, &password).await.ok();
    assert_eq!(answer.data()[0]["username"], written);
    for alike in [
        format!("éLISE STRASSE 小蓝{number}"),
        format!("  Élise Straße 小蓝{number} "),
        format!("E\u{301}lise Straße 小蓝{number}"),
        format!("Éｌｉｓｅ Straße 小蓝{number}"),
    ] {
        let answer = client.register(&alike, &fresh_password()).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{alike}: {answer:?}");
        assert_eq!(answer.reason(), "USERNAME_TAKEN");
        let user = client.login(&alike, &password).await.ok().data();
        assert_eq!(user["username"], written, "{alike}");
    }
}

async fn a_name_has_1_to_32_characters_and_no_control_characters(world: World) {
    let client = world.client();
    let number = fresh_name("");
    let longest = format!("{}{number}", "界".repeat(32 - number.chars().count()));
    client.register(&longest, &fresh_password()).await.ok();
    client.register("界", &fresh_password()).await.ok();
    let long = format!("{longest}世");
    for wrong in ["", "   ", "\u{3000}", &long, "a\nb", "a\0b", "a\u{7f}b", "a\u{85}b", "tab\tbed"] {
        let answer = client.register(wrong, &fresh_password()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong:?}: {answer:?}");
        assert_eq!(answer.reason(), "INVALID_ARGUMENT");
        assert!(answer.json()["msg"].to_string().contains("username"), "{answer:?}");
    }
}

async fn a_password_has_6_to_128_characters(world: World) {
    let client = world.client();
    for (password, status) in [
        ("12345".to_owned(), StatusCode::BAD_REQUEST),
        ("123456".to_owned(), StatusCode::OK),
        ("密".repeat(128), StatusCode::OK),
        ("密".repeat(129), StatusCode::BAD_REQUEST),
    ] {
        let answer = client.register(&fresh_name("user"), &password).await;
        assert_eq!(answer.status, status, "{password}: {answer:?}");
    }
}

async fn a_password_is_never_trimmed_or_truncated(world: World) {
    let client = world.client();
    let (name, password) = (fresh_name("user"), format!(" {}{} ", fresh_password(), "x".repeat(100)));
    client.register(&name, &password).await.ok();
    sign_in(&client, &name, &password).await;
    for wrong in [password.trim(), &password[..72], &password[..password.len() - 1], &password.to_uppercase()] {
        let answer = client.login(&name, wrong).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{answer:?}");
        assert_eq!(answer.reason(), "INVALID_CREDENTIALS");
    }
}

async fn a_password_is_never_answered(world: World) {
    let client = world.client();
    let (name, password) = (fresh_name("user"), fresh_password());
    let answers = [
        client.register(&name, &password).await,
        client.register(&name, &password).await,
        client.login(&name, &password).await,
        client.login(&name, &format!("{password}!")).await,
    ];
    for answer in answers {
        assert!(!answer.text.contains(&password) && !answer.text.contains("password"), "{answer:?}");
    }
}

async fn a_password_is_stored_as_an_argon2id_hash(shape: Shape) {
    let world = World::own(usual(shape)).await;
    let user = world.user().await;
    for (text, stored) in [(&*user.name, true), (&user.password, false), ("$argon2id$v=19$m=19456,t=2,p=1$", true)] {
        assert_eq!(records::contain(&world.cluster, Part::User, text).await, stored, "{text}");
    }
}

async fn the_least_length_of_a_password_is_a_setting(shape: Shape) {
    let world = World::own(usual(shape).set("CHATROOM_PASSWORD_MIN_LENGTH", "12")).await;
    let client = world.client();
    assert_eq!(client.register("short", "elevenchars").await.status, StatusCode::BAD_REQUEST);
    client.register("long", "twelve chars").await.ok();
}
