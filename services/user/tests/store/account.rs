//! Accounts: how they are opened and found.

use std::collections::HashSet;

use chatroom_kit::{ids::UserId, on_both_engines};
use chatroom_user::{Store, domain::Role};
use chrono::TimeDelta;
use futures::future;

use crate::world::{Fresh, account, named, noon, open};

on_both_engines!(
    an_account_is_found_as_it_was_opened,
    names_that_differ_in_case_only_are_one,
    concurrent_registrations_of_one_name_open_one_account,
    concurrent_repetitions_of_a_request_open_one_account,
    concurrent_registrations_of_many_names_open_them_all,
    many_accounts_are_found_at_once,
    an_administrator_is_made_once,
    an_unknown_user_is_made_nothing,
    text_is_stored_literally,
    replicas_may_start_at_once,
);

async fn an_account_is_found_as_it_was_opened(fresh: Fresh) {
    let opened = fresh.store.open_account(&account("小蓝"), noon()).await.unwrap().unwrap();
    assert_eq!((opened.username.as_str(), opened.role, opened.version), ("小蓝", Role::User, 0));
    assert_eq!((opened.created_at, opened.updated_at), (noon(), noon()));
    assert_eq!(fresh.store.user(opened.id).await.unwrap().as_ref(), Some(&opened));
    let found = fresh.store.account(&named("小蓝")).await.unwrap().unwrap();
    assert_eq!(found.user, opened);
    assert_eq!(*found.password_hash, account("小蓝").password_hash);
    assert_eq!(found.request_id.as_deref(), Some("r-1"));
    assert_eq!(fresh.store.user(UserId::new()).await.unwrap(), None);
    assert!(fresh.store.account(&named("小红")).await.unwrap().is_none());
}

async fn names_that_differ_in_case_only_are_one(fresh: Fresh) {
    let opened = fresh.store.open_account(&account("Straße"), noon()).await.unwrap().unwrap();
    assert_eq!(fresh.store.open_account(&account("STRASSE"), noon()).await.unwrap(), None);
    let found = fresh.store.account(&named(" strasse ")).await.unwrap().unwrap();
    assert_eq!((found.user.id, found.user.username.as_str()), (opened.id, "Straße"));
}

async fn concurrent_registrations_of_one_name_open_one_account(fresh: Fresh) {
    let registrations = (0..16).map(|turn| {
        let store = fresh.store.clone();
        let new = account(if turn % 2 == 0 { "lily" } else { "LILY" });
        tokio::spawn(async move { store.open_account(&new, noon()).await.unwrap() })
    });
    let opened: Vec<_> = future::join_all(registrations).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(opened.len(), 1);
    assert_eq!(fresh.store.account(&named("lily")).await.unwrap().unwrap().user, opened[0]);
}

async fn concurrent_repetitions_of_a_request_open_one_account(fresh: Fresh) {
    let new = account("lily");
    let (one, other) = tokio::join!(fresh.store.open_account(&new, noon()), fresh.store.open_account(&new, noon()));
    let opened: Vec<_> = [one.unwrap(), other.unwrap()].into_iter().flatten().collect();
    assert_eq!(opened.len(), 1);
    // The one that came second finds what the first has opened, and that it may be its own.
    let found = fresh.store.account(&named("lily")).await.unwrap().unwrap();
    assert_eq!(found.user, opened[0]);
    assert!(found.may_be_opened_by(new.request_id.as_ref(), noon()));
}

async fn concurrent_registrations_of_many_names_open_them_all(fresh: Fresh) {
    let registrations = (0..16).map(|number| {
        let store = fresh.store.clone();
        tokio::spawn(async move { store.open_account(&account(&format!("user{number}")), noon()).await.unwrap() })
    });
    let opened = future::join_all(registrations).await.into_iter().filter_map(Result::unwrap);
    assert_eq!(opened.map(|user| user.id).collect::<HashSet<_>>().len(), 16);
}

async fn many_accounts_are_found_at_once(fresh: Fresh) {
    let lily = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    let rose = fresh.store.open_account(&account("rose"), noon()).await.unwrap().unwrap();
    fresh.store.open_account(&account("iris"), noon()).await.unwrap().unwrap();
    let mut found = fresh.store.users(&[rose.id, UserId::new(), lily.id, rose.id]).await.unwrap();
    found.sort_by(|one, other| one.username.cmp(&other.username));
    assert_eq!(found, [lily, rose]);
    assert_eq!(fresh.store.users(&[]).await.unwrap(), []);
}

async fn an_administrator_is_made_once(fresh: Fresh) {
    let opened = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    let (later, latest) = (noon() + TimeDelta::hours(1), noon() + TimeDelta::hours(2));
    let made = fresh.store.set_role(&named("Lily"), Role::Administrator, later).await.unwrap().unwrap();
    assert_eq!((made.id, made.role, made.version), (opened.id, Role::Administrator, 1));
    assert_eq!((made.created_at, made.updated_at), (noon(), later));
    assert_eq!(fresh.store.set_role(&named("lily"), Role::Administrator, latest).await.unwrap().as_ref(), Some(&made));
    assert_eq!(fresh.store.user(opened.id).await.unwrap(), Some(made));
}

async fn an_unknown_user_is_made_nothing(fresh: Fresh) {
    fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    assert_eq!(fresh.store.set_role(&named("rose"), Role::Administrator, noon()).await.unwrap(), None);
    assert_eq!(fresh.store.account(&named("lily")).await.unwrap().unwrap().user.role, Role::User);
}

async fn text_is_stored_literally(fresh: Fresh) {
    for name in ["'; drop table account; --", "%", "_", "\\", "$1", "\"", "null"] {
        let opened = fresh.store.open_account(&account(name), noon()).await.unwrap().unwrap();
        assert_eq!(opened.username, name);
        assert_eq!(fresh.store.account(&named(name)).await.unwrap().unwrap().user, opened);
    }
}

async fn replicas_may_start_at_once(fresh: Fresh) {
    fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    let stores = future::try_join_all((0..4).map(|_| Store::open(&fresh.database.url, 2))).await.unwrap();
    for store in stores {
        assert!(store.account(&named("lily")).await.unwrap().is_some());
    }
}
