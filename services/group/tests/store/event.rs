//! The sequence of a group, read back.

use chatroom_group::domain::{Change, GroupPatch, Page, Role};
use chatroom_kit::{fields::Icon, on_both_engines};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    every_event_is_read_as_it_was_written,
    events_are_read_on_from_a_place,
    history_is_read_in_both_directions,
    another_groups_messages_are_not_read,
);

async fn every_event_is_read_as_it_was_written(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let store = &fresh.store;
    let now = noon() + TimeDelta::seconds(1);
    let mut written = Vec::new();
    let user = chatroom_kit::ids::UserId::new();
    written.push(store.join(group, user, Role::Member, now).await.unwrap().event.unwrap());
    written
        .append(&mut store.send(group, &[text(user, "a", "你好"), text(user, "b", "再见")], now).await.unwrap().events);
    written.push(store.set_admin(group, owner, user, true, now).await.unwrap().event.unwrap());
    written.push(store.mute(group, owner, user, Some(now + TimeDelta::hours(1)), now).await.unwrap().event.unwrap());
    written.push(store.mute(group, owner, user, None, now).await.unwrap().event.unwrap());
    let patch = GroupPatch { name: None, icon: Some(Icon::parse("https://img.example/2.jpg").unwrap()) };
    written.push(store.update(group, owner, &patch, now).await.unwrap().event.unwrap());
    written.push(store.mute_all(group, owner, true, now).await.unwrap().event.unwrap());
    written.push(store.mute_all(group, owner, false, now).await.unwrap().event.unwrap());
    written.push(store.leave(group, user, now).await.unwrap().event.unwrap());
    written.push(store.join(group, user, Role::Member, now).await.unwrap().event.unwrap());
    written.push(store.remove(group, owner, user, true, now).await.unwrap().event.unwrap());
    written.push(store.dismiss(group, owner, now).await.unwrap().event.unwrap());
    assert_eq!(written.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=13).collect::<Vec<_>>());
    assert_eq!(fresh.events(group).await, written);
    assert_eq!(store.access(group, owner).await.unwrap().unwrap().head_seq, 13);
}

async fn events_are_read_on_from_a_place(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let drafts: Vec<_> = (0..10).map(|n| text(owner, &n.to_string(), "你好")).collect();
    fresh.store.send(group, &drafts, noon()).await.unwrap();
    let epoch = fresh.store.access(group, owner).await.unwrap().unwrap().epoch;
    let read = async |after, limit| {
        let events = fresh.store.events(group, &epoch, after, limit).await.unwrap();
        assert!(events.iter().all(|event| matches!(event.change, Change::Message(_)) && event.epoch == epoch));
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(4, 3).await, [5, 6, 7]);
    assert_eq!(read(8, 100).await, [9, 10]);
    assert!(read(10, 100).await.is_empty());
}

async fn history_is_read_in_both_directions(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    // The first place is not a message's.
    fresh.member(group, Role::Member).await;
    let drafts: Vec<_> = (2..=10).map(|n| text(owner, &n.to_string(), "你好")).collect();
    fresh.store.send(group, &drafts, noon()).await.unwrap();
    let read = async |page, limit| {
        let messages = fresh.store.messages(group, page, limit).await.unwrap();
        messages.iter().map(|message| message.seq).collect::<Vec<_>>()
    };
    assert_eq!(read(Page::Last, 3).await, [8, 9, 10]);
    assert_eq!(read(Page::Before(8), 3).await, [5, 6, 7]);
    assert_eq!(read(Page::Before(3), 3).await, [2]);
    assert_eq!(read(Page::After(0), 3).await, [2, 3, 4]);
    assert_eq!(read(Page::After(9), 3).await, [10]);
    assert!(read(Page::Before(2), 3).await.is_empty());
}

async fn another_groups_messages_are_not_read(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    let (other, owner) = fresh.group().await;
    fresh.say(other, owner, "a", "你好").await;
    assert!(fresh.store.messages(group, Page::Last, 10).await.unwrap().is_empty());
    assert!(fresh.events(group).await.is_empty());
}
