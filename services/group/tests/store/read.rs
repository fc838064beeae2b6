//! Reading and what is unread.

use chatroom_group::domain::{ReadCursor, Role};
use chatroom_kit::{
    ids::{GroupId, UserId},
    on_both_engines,
};

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    others_messages_are_unread_and_ones_own_are_not,
    a_cursor_never_goes_back_nor_beyond_the_head,
    sending_does_not_mark_others_messages_as_read,
    a_recalled_message_stays_counted,
    what_was_said_before_joining_counts_as_read,
    coming_back_counts_ones_own_former_messages_once,
    outsiders_have_no_cursor,
    concurrent_reads_end_at_the_furthest,
);

async fn unread(fresh: &Fresh, group: GroupId, user: UserId) -> i64 {
    fresh.store.conversation(group, user).await.unwrap().unwrap().read.unread
}

async fn others_messages_are_unread_and_ones_own_are_not(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    for n in 0..3 {
        fresh.say(group, owner, &n.to_string(), "问").await;
        fresh.say(group, member, &n.to_string(), "答").await;
    }
    // Places 2 to 7: owner, member, owner, member, owner, member.
    assert_eq!((unread(&fresh, group, owner).await, unread(&fresh, group, member).await), (3, 3));
    for (seq, left) in [(2, 3), (3, 2), (4, 2), (5, 1), (7, 0)] {
        let read = fresh.store.read(group, owner, seq).await.unwrap().unwrap();
        assert_eq!((read.cursor, read.moved), (ReadCursor { seq, unread: left }, true));
        assert_eq!(unread(&fresh, group, owner).await, left);
    }
}

async fn a_cursor_never_goes_back_nor_beyond_the_head(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    for n in 0..5 {
        fresh.say(group, owner, &n.to_string(), "你好").await;
    }
    let read = async |seq| fresh.store.read(group, member, seq).await.unwrap().unwrap();
    assert_eq!(read(4).await.cursor, ReadCursor { seq: 4, unread: 2 });
    let back = read(2).await;
    assert_eq!((back.cursor, back.moved), (ReadCursor { seq: 4, unread: 2 }, false));
    assert_eq!(read(i64::MAX).await.cursor, ReadCursor { seq: 6, unread: 0 });
    fresh.say(group, owner, "next", "你好").await;
    assert_eq!(read(-1).await.cursor, ReadCursor { seq: 6, unread: 1 });
}

async fn sending_does_not_mark_others_messages_as_read(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    fresh.say(group, owner, "a", "问").await;
    fresh.say(group, member, "a", "答").await;
    assert_eq!(unread(&fresh, group, member).await, 1);
}

async fn a_recalled_message_stays_counted(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let message = fresh.say(group, owner, "a", "你好").await;
    fresh.store.recall(message.id, owner, noon()).await.unwrap();
    assert_eq!(unread(&fresh, group, member).await, 1);
}

async fn what_was_said_before_joining_counts_as_read(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let drafts: Vec<_> = (0..10).map(|n| text(owner, &n.to_string(), "你好")).collect();
    fresh.store.send(group, &drafts, noon()).await.unwrap();
    let member = fresh.member(group, Role::Member).await;
    let conversation = fresh.store.conversation(group, member).await.unwrap().unwrap();
    assert_eq!(conversation.read, ReadCursor { seq: 11, unread: 0 });
    fresh.say(group, owner, "next", "你好").await;
    assert_eq!(unread(&fresh, group, member).await, 1);
}

async fn coming_back_counts_ones_own_former_messages_once(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    fresh.say(group, member, "a", "一").await;
    fresh.say(group, owner, "a", "二").await;
    fresh.store.leave(group, member, noon()).await.unwrap();
    fresh.store.join(group, member, Role::Member, noon()).await.unwrap();
    assert_eq!(unread(&fresh, group, member).await, 0);
    fresh.say(group, member, "b", "三").await;
    fresh.say(group, owner, "b", "四").await;
    assert_eq!(unread(&fresh, group, member).await, 1);
    assert_eq!(fresh.store.read(group, member, i64::MAX).await.unwrap().unwrap().cursor.unread, 0);
}

async fn outsiders_have_no_cursor(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    assert_eq!(fresh.store.read(group, UserId::new(), 1).await.unwrap(), None);
    assert_eq!(fresh.store.read(GroupId::new(), UserId::new(), 1).await.unwrap(), None);
}

async fn concurrent_reads_end_at_the_furthest(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let drafts: Vec<_> = (0..20).map(|n| text(owner, &n.to_string(), "你好")).collect();
    fresh.store.send(group, &drafts, noon()).await.unwrap();
    let reads: Vec<_> = (2..=21)
        .rev()
        .map(|seq| {
            let store = fresh.store.clone();
            tokio::spawn(async move { store.read(group, member, seq).await.unwrap().unwrap() })
        })
        .collect();
    for read in reads {
        let cursor = read.await.unwrap().cursor;
        assert_eq!(cursor.unread, 21 - cursor.seq);
    }
    let conversation = fresh.store.conversation(group, member).await.unwrap().unwrap();
    assert_eq!(conversation.read, ReadCursor { seq: 21, unread: 0 });
}
