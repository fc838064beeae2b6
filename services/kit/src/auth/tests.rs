//! What a verifier promises.

use std::time::Duration;

use super::*;
use crate::testing::Tokens;

fn service_name(verifier: &Verifier, token: &str) -> Option<String> {
    verifier.service(&Tokens::request(token, ())).ok().map(|service| service.name.clone())
}

#[test]
fn a_user_and_a_service_never_pass_for_each_other() {
    let tokens = Tokens::new(Clock::system());
    let verifier = tokens.verifier();
    let user = UserId::new();
    let (of_user, of_service) = (tokens.user(user), tokens.service("gateway"));
    // Twice: the second time each is remembered.
    for _ in 0..2 {
        assert_eq!(verifier.verify(&of_user).unwrap().id, user);
        assert_eq!(service_name(&verifier, &of_service).as_deref(), Some("gateway"));
        assert!(verifier.verify(&of_service).is_err());
        assert_eq!(service_name(&verifier, &of_user), None);
    }
}

#[test]
fn a_remembered_token_still_ends() {
    let clock = Clock::standing_at(Clock::system().now());
    let tokens = Tokens::new(clock.clone());
    let verifier = tokens.verifier();
    let (of_user, of_service) = (tokens.user(UserId::new()), tokens.service("gateway"));
    assert!(verifier.verify(&of_user).is_ok() && service_name(&verifier, &of_service).is_some());
    clock.advance(Duration::from_hours(1));
    assert!(verifier.verify(&of_user).is_err() && service_name(&verifier, &of_service).is_none());
}

#[test]
fn a_service_has_a_plain_name() {
    let tokens = Tokens::new(Clock::system());
    let verifier = tokens.verifier();
    for name in ["", "Gateway", "64e2e53561a25a30db767a40\n", &"x".repeat(33)] {
        assert_eq!(service_name(&verifier, &tokens.service(name)), None, "{name:?}");
    }
}

fn revoked(tokens: &Tokens, user: UserId, which: Revoked) -> Vec<Revocation> {
    vec![Revocation { user, which, until: tokens.clock().now().timestamp() + 3600 }]
}

#[test]
fn a_token_is_refused_once_its_session_has_ended() {
    let tokens = Tokens::new(Clock::system());
    let verifier = tokens.verifier();
    let user = UserId::new();
    let [one, other] = ["one", "other"].map(|session| tokens.user_in(user, session, 0));
    let held = verifier.verify(&one).unwrap();
    verifier.revoke(revoked(&tokens, user, Revoked::Session("one".into())));
    assert!(verifier.verify(&one).is_err() && !verifier.is_good(&held));
    assert!(verifier.verify(&other).is_ok());
    assert!(verifier.verify(&tokens.user_in(UserId::new(), "one", 0)).is_ok(), "another user's session is another");
}

#[test]
fn a_token_of_a_lower_generation_is_refused_and_the_next_is_not() {
    let tokens = Tokens::new(Clock::system());
    let verifier = tokens.verifier();
    let user = UserId::new();
    let [old, new] = [0, 1].map(|generation| tokens.user_in(user, "one", generation));
    assert!(verifier.verify(&old).is_ok());
    verifier.revoke(revoked(&tokens, user, Revoked::Below(1)));
    // What comes late changes nothing.
    verifier.revoke(revoked(&tokens, user, Revoked::Below(0)));
    assert!(verifier.verify(&old).is_err());
    assert!(verifier.verify(&new).is_ok());
}

#[test]
fn who_holds_on_to_a_caller_is_told() {
    let tokens = Tokens::new(Clock::system());
    let verifier = tokens.verifier();
    let mut changes = verifier.revoked();
    verifier.revoke(Vec::new());
    assert!(!changes.has_changed().unwrap());
    verifier.revoke(revoked(&tokens, UserId::new(), Revoked::Below(1)));
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
}

#[test]
fn what_could_not_come_any_more_is_forgotten() {
    let clock = Clock::standing_at(Clock::system().now());
    let revocations = Revocations::new();
    let user = UserId::new();
    let now = clock.now().timestamp();
    let revocation = |which, until| vec![Revocation { user, which, until }];
    revocations.add(revocation(Revoked::Session("old".into()), now + 1), now);
    assert_eq!(revocations.users(), 1);
    // The same user's next revocation is what sweeps.
    revocations.add(revocation(Revoked::Session("new".into()), now + 5), now + 2);
    revocations.add(revocation(Revoked::Below(1), now - 10), now + 6);
    assert_eq!(revocations.users(), 0);
}
