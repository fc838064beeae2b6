//! What administrators do is remembered with what they do.

use chatroom_kit::{cursor::TimeCursor, ids::UserId, on_both_engines};
use chatroom_user::domain::{DeedKind, Role};
use chrono::TimeDelta;

use crate::world::{Fresh, account, named, noon, open};

on_both_engines!(what_changes_nothing_is_no_deed, deeds_are_listed_latest_first_and_in_parts);

async fn what_changes_nothing_is_no_deed(fresh: Fresh) {
    let (lily, by) = (fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap().id, UserId::new());
    for _ in 0..2 {
        fresh.store.set_disabled(lily, true, by, noon()).await.unwrap().unwrap();
        fresh.store.set_role(&named("lily"), Role::Administrator, noon()).await.unwrap().unwrap();
    }
    assert!(fresh.store.set_disabled(UserId::new(), true, by, noon()).await.unwrap().is_none());
    assert!(fresh.store.end_sessions_of(UserId::new(), by, noon()).await.unwrap().is_none());
    let mut done: Vec<_> = fresh.store.deeds(None, None, 10).await.unwrap();
    done.sort_by_key(|deed| deed.kind.number());
    let done: Vec<_> = done.into_iter().map(|deed| (deed.kind, deed.by, deed.user, deed.created_at)).collect();
    let expected = [(DeedKind::Disabled, Some(by), lily, noon()), (DeedKind::AdministratorMade, None, lily, noon())];
    assert_eq!(done, expected);
}

async fn deeds_are_listed_latest_first_and_in_parts(fresh: Fresh) {
    let lily = fresh.store.open_account(&account("lily"), noon()).await.unwrap().unwrap().id;
    let rose = fresh.store.open_account(&account("rose"), noon()).await.unwrap().unwrap().id;
    let by = UserId::new();
    for turn in 0..4 {
        let now = noon() + TimeDelta::minutes(turn);
        fresh.store.set_disabled(lily, turn % 2 == 0, by, now).await.unwrap().unwrap();
        fresh.store.end_sessions_of(rose, by, now).await.unwrap().unwrap();
    }
    let (mut kinds, mut before) = (Vec::new(), None);
    loop {
        let part = fresh.store.deeds(Some(lily), before, 3).await.unwrap();
        let Some(last) = part.last() else { break };
        before = Some(TimeCursor { time: last.created_at, id: last.id });
        kinds.extend(part.iter().map(|deed| deed.kind));
    }
    let turns = [DeedKind::Enabled, DeedKind::Disabled, DeedKind::Enabled, DeedKind::Disabled];
    assert_eq!(kinds, turns);
    let all = fresh.store.deeds(None, None, 10).await.unwrap();
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted_by(|one, next| one.created_at >= next.created_at));
}
