//! Coming and going.

use chatroom_group::domain::{Change, Role};
use chatroom_kit::{
    cursor::TimeCursor,
    ids::{GroupId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, reason};

on_both_engines!(
    joining_is_an_event_and_joining_again_is_none,
    concurrent_joins_are_one_membership,
    leaving_is_an_event_and_leaving_again_is_none,
    the_owner_cannot_leave,
    nobody_joins_what_is_not_there_or_dismissed,
    members_are_listed_in_the_order_they_joined_and_in_pages,
    members_are_counted,
);

async fn joining_is_an_event_and_joining_again_is_none(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    let user = UserId::new();
    let joined = fresh.store.join(group, user, Role::Admin, noon()).await.unwrap();
    let event = joined.event.unwrap();
    assert_eq!((event.seq, event.change), (1, Change::Joined { user, role: Role::Admin }));
    let again = fresh.store.join(group, user, Role::Member, noon() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!((again.value, again.event), (joined.value, None));
}

async fn concurrent_joins_are_one_membership(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    let user = UserId::new();
    let joins = (0..10).map(|_| {
        let store = fresh.store.clone();
        tokio::spawn(async move { store.join(group, user, Role::Member, noon()).await.unwrap().value.id })
    });
    let mut ids = Vec::new();
    for join in joins.collect::<Vec<_>>() {
        ids.push(join.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert_eq!(fresh.places(group).await, [1]);
}

async fn leaving_is_an_event_and_leaving_again_is_none(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    let user = fresh.member(group, Role::Member).await;
    let left = fresh.store.leave(group, user, noon()).await.unwrap();
    assert_eq!(left.event.unwrap().change, Change::Left { user });
    assert_eq!(fresh.store.access(group, user).await.unwrap().unwrap().member, None);
    assert_eq!(fresh.store.leave(group, user, noon()).await.unwrap().event, None);
}

async fn the_owner_cannot_leave(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    assert_eq!(reason(fresh.store.leave(group, owner, noon()).await.unwrap_err()), "OWNER_CANNOT_LEAVE");
}

async fn nobody_joins_what_is_not_there_or_dismissed(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let join = |group, user| fresh.store.join(group, user, Role::Member, noon());
    assert_eq!(reason(join(GroupId::new(), owner).await.unwrap_err()), "GROUP_NOT_FOUND");
    fresh.store.dismiss(group, owner, noon()).await.unwrap();
    assert_eq!(reason(join(group, UserId::new()).await.unwrap_err()), "GROUP_DISMISSED");
    assert_eq!(join(group, member).await.unwrap().event, None);
    assert!(fresh.store.leave(group, member, noon()).await.is_ok());
}

async fn members_are_listed_in_the_order_they_joined_and_in_pages(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let mut users = vec![owner];
    for minutes in 1..5 {
        let user = UserId::new();
        fresh.store.join(group, user, Role::Member, noon() + TimeDelta::minutes(minutes)).await.unwrap();
        users.push(user);
    }
    let first = fresh.store.members(group, None, 3).await.unwrap();
    let cursor = TimeCursor { time: first[2].created_at, id: first[2].id };
    let cursor = TimeCursor::parse(&cursor.token()).unwrap();
    let rest = fresh.store.members(group, cursor, 3).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|member| member.user).collect();
    assert_eq!(listed, users);
}

async fn members_are_counted(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let user = fresh.member(group, Role::Member).await;
    fresh.member(group, Role::Member).await;
    fresh.store.leave(group, user, noon()).await.unwrap();
    assert_eq!(fresh.store.access(group, owner).await.unwrap().unwrap().group.member_count, 2);
}
