//! Opening groups and listing a page's.

use chatroom_group::domain::{GROUPS_MAX, Group, NewGroup, Role};
use chatroom_kit::{
    cursor::TimeCursor,
    fields::{DisplayName, Icon, RequestId},
    ids::{GroupId, MerchantId, UserId},
    on_both_engines,
};
use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{Connection as _, PgConnection, SqliteConnection};

use crate::world::{Fresh, noon, open, reason};

on_both_engines!(
    a_group_is_listed_as_it_was_opened,
    only_the_members_state_is_joined,
    groups_are_listed_oldest_first_and_in_pages,
    another_pages_groups_are_not_listed,
    a_dismissed_group_is_listed_for_its_members_only,
    the_creator_is_the_owner,
    a_repeated_request_answers_the_first_group,
    concurrent_repeats_open_one_group,
    a_request_id_is_free_again_after_a_day,
    text_is_stored_literally,
    a_page_has_only_so_many_groups,
);

fn group(user: UserId, merchant: MerchantId, request_id: &str) -> NewGroup {
    NewGroup {
        user,
        merchant,
        name: DisplayName::parse("name", "小黑子的世界").unwrap(),
        icon: Icon::parse("https://img.example/59024.jpg").unwrap(),
        request_id: RequestId::parse(request_id).unwrap(),
    }
}

async fn opened(fresh: &Fresh, merchant: MerchantId, now: DateTime<Utc>) -> Group {
    fresh.store.create_group(&group(UserId::new(), merchant, ""), now).await.unwrap()
}

async fn a_group_is_listed_as_it_was_opened(fresh: Fresh) {
    let (user, merchant) = (UserId::new(), MerchantId::new());
    let opened = fresh.store.create_group(&group(user, merchant, ""), noon()).await.unwrap();
    assert_eq!((opened.user, opened.version, opened.created_at), (user, 0, noon()));
    let listed = fresh.store.groups(merchant, user, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].group, opened);
}

async fn only_the_members_state_is_joined(fresh: Fresh) {
    let merchant = MerchantId::new();
    let opened = opened(&fresh, merchant, noon()).await;
    assert!(fresh.store.groups(merchant, opened.user, None, 10).await.unwrap()[0].joined);
    assert!(!fresh.store.groups(merchant, UserId::new(), None, 10).await.unwrap()[0].joined);
}

async fn groups_are_listed_oldest_first_and_in_pages(fresh: Fresh) {
    let (merchant, viewer) = (MerchantId::new(), UserId::new());
    let mut ids = Vec::new();
    for minutes in 0..5 {
        ids.push(opened(&fresh, merchant, noon() + TimeDelta::minutes(minutes)).await.id);
    }
    let first = fresh.store.groups(merchant, viewer, None, 3).await.unwrap();
    let cursor = TimeCursor { time: first[2].group.created_at, id: first[2].group.id };
    let rest = fresh.store.groups(merchant, viewer, Some(cursor), 3).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|listed| listed.group.id).collect();
    assert_eq!(listed, ids);
}

async fn another_pages_groups_are_not_listed(fresh: Fresh) {
    opened(&fresh, MerchantId::new(), noon()).await;
    assert!(fresh.store.groups(MerchantId::new(), UserId::new(), None, 10).await.unwrap().is_empty());
}

async fn a_dismissed_group_is_listed_for_its_members_only(fresh: Fresh) {
    let merchant = MerchantId::new();
    let opened = opened(&fresh, merchant, noon()).await;
    fresh.store.dismiss(opened.id, opened.user, noon()).await.unwrap();
    assert_eq!(fresh.store.groups(merchant, opened.user, None, 10).await.unwrap().len(), 1);
    assert!(fresh.store.groups(merchant, UserId::new(), None, 10).await.unwrap().is_empty());
}

async fn the_creator_is_the_owner(fresh: Fresh) {
    let opened = opened(&fresh, MerchantId::new(), noon()).await;
    let access = fresh.store.access(opened.id, opened.user).await.unwrap().unwrap();
    assert_eq!((access.group, access.head_seq), (opened.clone(), 0));
    let member = access.member.unwrap();
    assert_eq!((member.user, member.role, member.created_at), (opened.user, Role::Owner, noon()));
    let strange = fresh.store.access(opened.id, UserId::new()).await.unwrap().unwrap();
    assert_eq!(strange.member, None);
    assert_eq!(fresh.store.access(GroupId::new(), opened.user).await.unwrap(), None);
}

async fn a_repeated_request_answers_the_first_group(fresh: Fresh) {
    let new = group(UserId::new(), MerchantId::new(), "request");
    let first = fresh.store.create_group(&new, noon()).await.unwrap();
    assert_eq!(fresh.store.create_group(&new, noon() + TimeDelta::hours(23)).await.unwrap(), first);
    let another = fresh.store.create_group(&group(UserId::new(), new.merchant, "request"), noon()).await.unwrap();
    assert_ne!(another.id, first.id);
}

async fn concurrent_repeats_open_one_group(fresh: Fresh) {
    let new = group(UserId::new(), MerchantId::new(), "request");
    let attempts = (0..10).map(|_| {
        let (store, new) = (fresh.store.clone(), new.clone());
        tokio::spawn(async move { store.create_group(&new, noon()).await.unwrap().id })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }
    assert_eq!(fresh.store.groups(new.merchant, new.user, None, 20).await.unwrap().len(), 1);
}

async fn a_request_id_is_free_again_after_a_day(fresh: Fresh) {
    let new = group(UserId::new(), MerchantId::new(), "request");
    let first = fresh.store.create_group(&new, noon()).await.unwrap();
    let later = fresh.store.create_group(&new, noon() + TimeDelta::hours(25)).await.unwrap();
    assert_ne!(first.id, later.id);
}

async fn text_is_stored_literally(fresh: Fresh) {
    let name = "'; drop table chat_group; -- %_\\ \"`$1?";
    let new =
        NewGroup { name: DisplayName::parse("name", name).unwrap(), ..group(UserId::new(), MerchantId::new(), "") };
    fresh.store.create_group(&new, noon()).await.unwrap();
    let listed = fresh.store.groups(new.merchant, new.user, None, 10).await.unwrap();
    assert_eq!(listed[0].group.name, name);
}

/// Opens groups of a page faster than the store does.
async fn fill(url: &str, merchant: MerchantId, count: i32) {
    const GROUPS: &str = "insert into chat_group
            (id, user_id, merchant_id, name, icon, epoch, member_count, created_at, updated_at)
        with recursive number (n) as (select 1 union all select n + 1 from number where n < cast($1 as integer))
        select '0000000000000000' || cast(10000000 + n as text), 'a', $2, 'b', 'c', 'd', 1, $3, $3 from number";
    if url.starts_with("sqlite") {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query(GROUPS).bind(count).bind(merchant).bind(noon()).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(GROUPS).bind(count).bind(merchant).bind(noon()).execute(&mut connection).await.unwrap();
    }
}

async fn a_page_has_only_so_many_groups(fresh: Fresh) {
    let (merchant, user) = (MerchantId::new(), UserId::new());
    let first = fresh.store.create_group(&group(user, merchant, "first"), noon()).await.unwrap();
    fill(&fresh.database.url, merchant, i32::try_from(GROUPS_MAX).unwrap() - 1).await;
    let refused = fresh.store.create_group(&group(user, merchant, "more"), noon()).await.unwrap_err();
    assert_eq!(reason(refused), "TOO_MANY_GROUPS");
    // What was opened before is answered again, and other pages have room.
    assert_eq!(fresh.store.create_group(&group(user, merchant, "first"), noon()).await.unwrap(), first);
    opened(&fresh, MerchantId::new(), noon()).await;
}
