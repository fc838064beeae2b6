//! A user's list of conversations.

use chatroom_group::domain::{Content, Role};
use chatroom_kit::{
    cursor::TimeCursor,
    ids::{GroupId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    a_conversation_shows_where_it_stands,
    the_last_message_is_shown_as_it_is_now,
    newest_activity_comes_first_and_in_pages,
    heads_come_without_messages,
);

async fn a_conversation_shows_where_it_stands(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    fresh.say(group, owner, "a", "一").await;
    let last = fresh.say(group, owner, "b", "二").await;
    let listed = fresh.store.conversations(member, None, 10, true).await.unwrap();
    assert_eq!(listed.len(), 1);
    let conversation = &listed[0];
    assert_eq!((conversation.group.id, conversation.group.member_count), (group, 2));
    assert_eq!((conversation.member.user, conversation.member.role), (member, Role::Member));
    assert_eq!((conversation.head_seq, conversation.read.seq, conversation.read.unread), (3, 1, 2));
    assert_eq!(conversation.last_message, Some(last));
    assert_eq!(fresh.store.conversation(group, member).await.unwrap().as_ref(), Some(conversation));
    assert_eq!(fresh.store.conversation(group, UserId::new()).await.unwrap(), None);
    assert!(fresh.store.conversations(UserId::new(), None, 10, true).await.unwrap().is_empty());
}

async fn the_last_message_is_shown_as_it_is_now(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.say(group, owner, "a", "一").await;
    let last = async || fresh.store.conversations(owner, None, 10, true).await.unwrap().remove(0).last_message.unwrap();
    fresh.store.edit(message.id, owner, &Content::text("二").unwrap(), noon()).await.unwrap();
    assert_eq!(last().await.content, Some(Content::Text("二".to_owned())));
    fresh.store.recall(message.id, owner, noon()).await.unwrap();
    assert_eq!(last().await.content, None);
}

async fn newest_activity_comes_first_and_in_pages(fresh: Fresh) {
    let user = UserId::new();
    let mut groups = Vec::new();
    for _ in 0..5 {
        let (group, _) = fresh.group().await;
        fresh.store.join(group, user, Role::Member, noon()).await.unwrap();
        groups.push(group);
    }
    // In another order than they were opened in; the last one stays silent.
    for (minute, index) in [(1, 2), (2, 0), (3, 3), (4, 1)] {
        let now = noon() + TimeDelta::minutes(minute);
        fresh.store.send(groups[index], &[text(user, "a", "你好")], now).await.unwrap();
    }
    let expected: Vec<GroupId> = [1, 3, 0, 2, 4].map(|index: usize| groups[index]).into();
    let first = fresh.store.conversations(user, None, 2, true).await.unwrap();
    let cursor = TimeCursor { time: first[1].active_at, id: first[1].group.id };
    let cursor = TimeCursor::parse(&cursor.token()).unwrap();
    let rest = fresh.store.conversations(user, cursor, 10, true).await.unwrap();
    let listed: Vec<_> = first.iter().chain(&rest).map(|conversation| conversation.group.id).collect();
    assert_eq!(listed, expected);
    assert_eq!(rest[2].last_message, None);
}

async fn heads_come_without_messages(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    fresh.say(group, owner, "a", "你好").await;
    let heads = fresh.store.conversations(owner, None, 10, false).await.unwrap();
    assert_eq!((heads[0].head_seq, &heads[0].last_message), (1, &None));
}
