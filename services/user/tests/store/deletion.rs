//! Deleted accounts: what is left of them, for how long their names are held, and who has to take away the rest.

use chatroom_kit::on_both_engines;
use chatroom_user::{
    Store,
    domain::{Account, Avatar, Changed, DELETED_NAME, DeedKind, Deletion, HOLDERS, NAME_HELD_FOR, ProfileUpdate, Role},
};
use chrono::{DateTime, TimeDelta, Utc};

use crate::world::{Fresh, account, named, noon, open};

on_both_engines!(
    a_deleted_account_says_nothing_of_its_owner,
    a_name_is_held_for_thirty_days,
    a_name_is_held_against_registrations_under_way,
    only_what_was_proved_is_deleted,
    each_service_confirms_for_itself,
);

const PICTURE: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";

async fn opened(store: &Store, name: &str) -> Account {
    let id = store.open_account(&account(name), noon()).await.unwrap().unwrap().id;
    store.own_account(id).await.unwrap().unwrap()
}

async fn delete(store: &Store, name: &str, now: DateTime<Utc>) -> Account {
    let account = opened(store, name).await;
    assert!(store.delete_account(&account, false, now).await.unwrap());
    account
}

async fn a_deleted_account_says_nothing_of_its_owner(fresh: Fresh) {
    let store = &fresh.store;
    let user = opened(store, "lily").await.user.id;
    let update = ProfileUpdate { nickname: None, avatar: Some(Avatar::parse(PICTURE).unwrap()) };
    store.update_profile(user, &update, noon()).await.unwrap().unwrap();
    store.set_role(&named("lily"), Role::Administrator, noon()).await.unwrap().unwrap();
    let proved = store.own_account(user).await.unwrap().unwrap();
    let later = noon() + TimeDelta::hours(1);
    assert!(store.delete_account(&proved, true, later).await.unwrap());

    let left = store.own_account(user).await.unwrap().unwrap();
    assert_eq!((&*left.user.username, &*left.user.nickname), (DELETED_NAME, DELETED_NAME));
    assert_eq!((&*left.user.avatar, left.user.role, left.user.deleted), ("", Role::User, true));
    assert_eq!((&*left.password_hash, left.request_id, left.generation), ("", None, 1));
    assert!(store.account(&named("lily")).await.unwrap().is_none());
    assert!(store.find_accounts("", None, 10).await.unwrap().is_empty());
    assert!(!store.is_avatar(PICTURE).await.unwrap());
    let deed = store.deeds(Some(user), None, 10).await.unwrap().remove(0);
    assert_eq!((deed.kind, deed.by, deed.created_at), (DeedKind::Deleted, Some(user), later));
    let told = store.changes(0, 10, later).await.unwrap().changes;
    let told: Vec<_> = told.into_iter().map(|change| change.what).collect();
    assert_eq!(told, [Changed::Profile, Changed::LeastGeneration(1), Changed::Profile]);
}

async fn a_name_is_held_for_thirty_days(fresh: Fresh) {
    delete(&fresh.store, "Straße", noon()).await;
    let end = noon() + NAME_HELD_FOR;
    let before = end - TimeDelta::milliseconds(1);
    assert!(fresh.store.is_taken(&named("STRASSE"), before).await.unwrap());
    assert!(fresh.store.open_account(&account("STRASSE"), before).await.unwrap().is_none());
    assert!(!fresh.store.is_taken(&named("strasse1"), before).await.unwrap());
    assert!(!fresh.store.is_taken(&named("STRASSE"), end).await.unwrap());
    assert!(fresh.store.open_account(&account("STRASSE"), end).await.unwrap().is_some());
    // Its next bearer may delete it, too.
    let bearer = fresh.store.account(&named("strasse")).await.unwrap().unwrap();
    assert!(fresh.store.delete_account(&bearer, false, end).await.unwrap());
    assert!(fresh.store.is_taken(&named("strasse"), end).await.unwrap());
}

async fn a_name_is_held_against_registrations_under_way(fresh: Fresh) {
    for round in 0..20 {
        let name = format!("lily-{round}");
        let proved = opened(&fresh.store, &name).await;
        let again = account(&name);
        let (deleted, registered) =
            tokio::join!(fresh.store.delete_account(&proved, false, noon()), fresh.store.open_account(&again, noon()));
        assert!(deleted.unwrap());
        assert_eq!(registered.unwrap(), None);
    }
}

async fn only_what_was_proved_is_deleted(fresh: Fresh) {
    let store = &fresh.store;
    let proved = opened(store, "lily").await;
    store.end_sessions(proved.user.id, noon()).await.unwrap();
    assert!(!store.delete_account(&proved, false, noon()).await.unwrap());
    let proved = store.own_account(proved.user.id).await.unwrap().unwrap();
    let (one, other) =
        tokio::join!(store.delete_account(&proved, false, noon()), store.delete_account(&proved, false, noon()));
    assert!(one.unwrap() != other.unwrap(), "an account is deleted once");
    assert!(store.change_password(&proved, "new", noon()).await.unwrap().is_none());
    let update = ProfileUpdate { avatar: Some(Avatar::parse(PICTURE).unwrap()), ..ProfileUpdate::default() };
    assert_eq!(store.update_profile(proved.user.id, &update, noon()).await.unwrap().unwrap().avatar, "");
}

async fn each_service_confirms_for_itself(fresh: Fresh) {
    let store = &fresh.store;
    let first = delete(store, "lily", noon()).await.user.id;
    let second = delete(store, "rose", noon() + TimeDelta::hours(1)).await.user.id;
    let users = async |service: &str| {
        let left: Vec<Deletion> = store.deletions(service, 10).await.unwrap();
        left.into_iter().map(|deletion| deletion.user).collect::<Vec<_>>()
    };
    for service in HOLDERS {
        assert_eq!(users(service).await, [first, second]);
    }
    assert!(users("gateway").await.is_empty());
    store.confirm_deletion("group", first).await.unwrap();
    store.confirm_deletion("group", first).await.unwrap();
    assert_eq!((users("group").await, users("merchant").await), (vec![second], vec![first, second]));
}
