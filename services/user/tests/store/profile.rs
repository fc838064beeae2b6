//! How users are shown, and that a change is told.

use chatroom_kit::{ids::UserId, on_both_engines};
use chatroom_user::domain::{Avatar, Changed, Nickname, ProfileUpdate};
use chrono::TimeDelta;

use crate::world::{Fresh, account, noon, open};

on_both_engines!(a_profile_is_changed_in_part_and_told_once, a_picture_is_known_as_one);

const PICTURE: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";

fn called(nickname: &str) -> ProfileUpdate {
    ProfileUpdate { nickname: Some(Nickname::parse(nickname).unwrap()), avatar: None }
}

fn shown(avatar: &str) -> ProfileUpdate {
    ProfileUpdate { nickname: None, avatar: Some(Avatar::parse(avatar).unwrap()) }
}

async fn a_profile_is_changed_in_part_and_told_once(fresh: Fresh) {
    let lily = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    let later = noon() + TimeDelta::hours(1);
    let named = fresh.store.update_profile(lily.id, &called("小蓝"), later).await.unwrap().unwrap();
    assert_eq!((&*named.nickname, &*named.avatar, named.version, named.updated_at), ("小蓝", "", 1, later));
    let again = fresh.store.update_profile(lily.id, &called("小蓝"), later + TimeDelta::hours(1)).await.unwrap();
    assert_eq!(again.as_ref(), Some(&named), "what is so already stays as it is");
    let pictured = fresh.store.update_profile(lily.id, &shown(PICTURE), later).await.unwrap().unwrap();
    assert_eq!((&*pictured.nickname, &*pictured.avatar, pictured.version), ("小蓝", PICTURE, 2));
    let nothing = fresh.store.update_profile(lily.id, &ProfileUpdate::default(), later).await.unwrap();
    assert_eq!(nothing, Some(pictured));
    let told = fresh.store.changes(0, 10, later).await.unwrap().changes;
    let told: Vec<_> = told.into_iter().map(|change| (change.user, change.what)).collect();
    assert_eq!(told, [(lily.id, Changed::Profile), (lily.id, Changed::Profile)]);
    assert_eq!(fresh.store.update_profile(UserId::new(), &called("小蓝"), later).await.unwrap(), None);
}

async fn a_picture_is_known_as_one(fresh: Fresh) {
    let lily = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap();
    assert!(!fresh.store.is_avatar(PICTURE).await.unwrap() && !fresh.store.is_avatar("").await.unwrap());
    fresh.store.update_profile(lily.id, &shown(PICTURE), noon()).await.unwrap();
    assert!(fresh.store.is_avatar(PICTURE).await.unwrap());
    fresh.store.update_profile(lily.id, &shown(""), noon()).await.unwrap();
    assert!(!fresh.store.is_avatar(PICTURE).await.unwrap());
}
