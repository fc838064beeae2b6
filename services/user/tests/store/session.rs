//! The ends of sessions, and the feed that tells of them.

use std::sync::Arc;

use chatroom_kit::{ids::UserId, on_both_engines};
use chatroom_user::{
    Store,
    domain::{Changed, Session},
};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future;

use crate::world::{Fresh, account, noon, open};

on_both_engines!(
    an_ended_session_is_known_by_its_id_and_user,
    ending_all_sessions_counts_up,
    many_ended_sessions_become_one_number,
    a_password_is_changed_once,
    a_password_is_not_changed_past_the_end_of_its_sessions,
    the_feed_is_read_in_parts_and_in_order,
    concurrent_changes_are_all_read_by_a_reader_who_keeps_up,
    a_change_is_told_for_as_long_as_a_token_was_ever_good,
    accounts_are_found_by_the_beginning_of_their_names,
);

fn session(user: UserId, id: &str) -> Session {
    Session { user, id: id.into() }
}

/// Everything in the feed at `now`.
async fn feed(store: &Store, now: DateTime<Utc>) -> Vec<(UserId, Changed)> {
    let feed = store.changes(0, 1000, now).await.unwrap();
    assert!(!feed.more);
    feed.changes.into_iter().map(|change| (change.user, change.what)).collect()
}

async fn an_ended_session_is_known_by_its_id_and_user(fresh: Fresh) {
    let user = UserId::new();
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    fresh.store.end_session(&session(user, "a"), noon()).await.unwrap();
    assert!(fresh.store.session_ended(&session(user, "a")).await.unwrap());
    assert!(!fresh.store.session_ended(&session(user, "b")).await.unwrap());
    assert!(!fresh.store.session_ended(&session(UserId::new(), "a")).await.unwrap());
    assert_eq!(feed(&fresh.store, noon()).await, [(user, Changed::SessionEnded("a".into()))]);
}

async fn ending_all_sessions_counts_up(fresh: Fresh) {
    let user = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap().id;
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    assert!(fresh.store.end_sessions(user, noon()).await.unwrap());
    assert!(fresh.store.end_sessions(user, noon()).await.unwrap());
    assert!(!fresh.store.end_sessions(UserId::new(), noon()).await.unwrap());
    assert_eq!(fresh.store.own_account(user).await.unwrap().unwrap().generation, 2);
    let told = [1, 2].map(|generation| (user, Changed::LeastGeneration(generation)));
    assert_eq!(feed(&fresh.store, noon()).await, told);
}

async fn many_ended_sessions_become_one_number(fresh: Fresh) {
    let user = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap().id;
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    for number in 0..500 {
        fresh.store.end_session(&session(user, &number.to_string()), noon()).await.unwrap();
    }
    assert_eq!(feed(&fresh.store, noon()).await.len(), 500);
    fresh.store.end_session(&session(user, "one more"), noon()).await.unwrap();
    assert_eq!(feed(&fresh.store, noon()).await, [(user, Changed::LeastGeneration(1))]);
    fresh.store.end_session(&session(user, "of the next generation"), noon()).await.unwrap();
    assert_eq!(feed(&fresh.store, noon()).await.len(), 2);
}

async fn a_password_is_changed_once(fresh: Fresh) {
    let user = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    let proved = Arc::new(fresh.store.own_account(user.id).await.unwrap().unwrap());
    let attempts = (0..8).map(|number| {
        let (store, proved) = (fresh.store.clone(), proved.clone());
        tokio::spawn(async move { store.change_password(&proved, &format!("new {number}"), noon()).await })
    });
    let changed: Vec<_> = future::join_all(attempts).await.into_iter().filter_map(|it| it.unwrap().unwrap()).collect();
    assert_eq!(changed.len(), 1);
    let kept = fresh.store.own_account(user.id).await.unwrap().unwrap();
    assert_eq!((&*kept.password_hash, kept.generation), (&*changed[0].password_hash, 1));
    assert_eq!((kept.user.version, kept.user.updated_at), (1, noon()));
    assert_eq!(feed(&fresh.store, noon()).await.len(), 1);
}

async fn a_password_is_not_changed_past_the_end_of_its_sessions(fresh: Fresh) {
    let user = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap().id;
    let proved = async || fresh.store.own_account(user).await.unwrap().unwrap();
    let before = proved().await;
    fresh.store.end_sessions(user, noon()).await.unwrap();
    assert!(fresh.store.change_password(&before, "new", noon()).await.unwrap().is_none());
    let before = proved().await;
    fresh.store.set_disabled(user, true, UserId::new(), noon()).await.unwrap().unwrap();
    assert!(fresh.store.change_password(&before, "new", noon()).await.unwrap().is_none());
    assert!(fresh.store.change_password(&proved().await, "new", noon()).await.unwrap().is_none());
    fresh.store.set_disabled(user, false, UserId::new(), noon()).await.unwrap().unwrap();
    let changed = fresh.store.change_password(&proved().await, "new", noon()).await.unwrap().unwrap();
    assert_eq!((&*changed.password_hash, changed.generation), ("new", 3));
}

async fn the_feed_is_read_in_parts_and_in_order(fresh: Fresh) {
    let user = UserId::new();
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    for id in ["a", "b", "c"] {
        fresh.store.end_session(&session(user, id), noon()).await.unwrap();
    }
    let first = fresh.store.changes(0, 2, noon()).await.unwrap();
    assert_eq!((first.changes.len(), first.more), (2, true));
    let second = fresh.store.changes(first.last, 2, noon()).await.unwrap();
    assert_eq!((second.changes.len(), second.more), (1, false));
    assert_eq!(second.changes[0].what, Changed::SessionEnded("c".into()));
    let third = fresh.store.changes(second.last, 2, noon()).await.unwrap();
    assert_eq!((third.changes.len(), third.last, third.more), (0, second.last, false));
    // A reader who is ahead of a database that was set back is told so.
    assert_eq!(fresh.store.changes(second.last + 5, 2, noon()).await.unwrap().last, second.last);
}

async fn concurrent_changes_are_all_read_by_a_reader_who_keeps_up(fresh: Fresh) {
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    let changes = (0..16).map(|number| {
        let store = fresh.store.clone();
        tokio::spawn(async move { store.end_session(&session(UserId::new(), &number.to_string()), noon()).await })
    });
    let changes = tokio::spawn(future::join_all(changes));
    let (mut after, mut read) = (0, 0);
    while read < 16 {
        let feed = fresh.store.changes(after, 7, noon()).await.unwrap();
        (after, read) = (feed.last, read + feed.changes.len());
        assert!(read == 16 || after < 16, "a change was passed by");
        tokio::task::yield_now().await;
    }
    for change in changes.await.unwrap() {
        change.unwrap().unwrap();
    }
}

async fn a_change_is_told_for_as_long_as_a_token_was_ever_good(fresh: Fresh) {
    let user = UserId::new();
    fresh.store.note_token_ttl(TimeDelta::days(30)).await.unwrap();
    fresh.store.note_token_ttl(TimeDelta::days(7)).await.unwrap();
    fresh.store.end_session(&session(user, "a"), noon()).await.unwrap();
    assert_eq!(feed(&fresh.store, noon() + TimeDelta::days(30)).await.len(), 1);
    let later = noon() + TimeDelta::days(31);
    assert_eq!(feed(&fresh.store, later).await.len(), 0);
    // With the next change it is deleted.
    fresh.store.end_session(&session(user, "b"), later).await.unwrap();
    assert!(!fresh.store.session_ended(&session(user, "a")).await.unwrap());
}

async fn accounts_are_found_by_the_beginning_of_their_names(fresh: Fresh) {
    for name in ["lily", "Lilian", "rose", "lil%"] {
        fresh.store.open_account(&account(name), noon()).await.unwrap().unwrap();
    }
    let names = async |prefix: &str, after: Option<&str>| {
        let found = fresh.store.find_accounts(prefix, after, 2).await.unwrap();
        let last = found.last().map(|account| account.user.username.to_lowercase());
        (found.into_iter().map(|account| account.user.username).collect::<Vec<_>>(), last)
    };
    let (first, last) = names("lil", None).await;
    let (second, _) = names("lil", last.as_deref()).await;
    let mut all = [first, second].concat();
    all.sort();
    assert_eq!(all, ["Lilian", "lil%", "lily"]);
    assert_eq!(names("lil%", None).await.0, ["lil%"]);
    assert_eq!(names("x", None).await.0.len(), 0);
}
