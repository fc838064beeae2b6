//! Recall and edit.

use chatroom_group::domain::{Change, Content, Draft, MessageId, Query, Role};
use chatroom_kit::{
    ids::{GroupId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, reason, text};

on_both_engines!(
    a_recalled_message_says_nothing_anywhere,
    recalling_again_changes_nothing,
    a_sender_has_two_minutes,
    higher_ranks_have_any_time,
    an_edited_message_says_so,
    who_may_not_speak_may_not_edit,
    what_was_recalled_cannot_be_edited,
    a_message_that_is_not_there_cannot_be_changed,
);

fn words(words: &str) -> Content {
    Content::text(words).unwrap()
}

async fn found(fresh: &Fresh, group: GroupId, words: &str) -> usize {
    let query = Query::parse(group, words).unwrap();
    fresh.store.search(group, &query, None, 10).await.unwrap().messages.len()
}

async fn a_recalled_message_says_nothing_anywhere(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.say(group, owner, "a", "说错话了").await;
    let reply = Draft { reply_to: Some(message.id), ..text(owner, "b", "什么") };
    fresh.send(group, reply).await.unwrap();
    assert_eq!(found(&fresh, group, "错话").await, 1);
    let recalled = fresh.store.recall(message.id, owner, noon()).await.unwrap();
    assert_eq!((recalled.value.content.as_ref(), recalled.value.version), (None, 1));
    let event = recalled.event.unwrap();
    assert_eq!(event.seq, 3);
    assert_eq!(event.change, Change::Recalled { message: Box::new(recalled.value.clone()), by: owner });
    // In history, in every event about it, in what answers it, and in what finds it.
    let events = fresh.events(group).await;
    assert_eq!(events[0].change, Change::Message(Box::new(recalled.value.clone())));
    assert_eq!(events[2], event);
    let Change::Message(answer) = &events[1].change else { panic!("another event") };
    assert_eq!(answer.reply_to.as_ref().unwrap().content, None);
    assert_eq!(fresh.store.message(message.id).await.unwrap(), Some(recalled.value.clone()));
    assert_eq!(found(&fresh, group, "错话").await, 0);
    // A repeat of the send, too.
    let again = fresh.send(group, text(owner, "a", "说错话了")).await.unwrap();
    assert_eq!((again.message, again.duplicate), (recalled.value, true));
}

async fn recalling_again_changes_nothing(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.say(group, owner, "a", "你好").await;
    let recalled = fresh.store.recall(message.id, owner, noon()).await.unwrap().value;
    let again = fresh.store.recall(message.id, owner, noon() + TimeDelta::hours(1)).await.unwrap();
    assert_eq!((again.value, again.event), (recalled, None));
}

async fn a_sender_has_two_minutes(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.say(group, owner, "a", "你好").await;
    let recall = |seconds| fresh.store.recall(message.id, owner, noon() + TimeDelta::seconds(seconds));
    assert_eq!(reason(recall(121).await.unwrap_err()), "TOO_LATE");
    assert!(recall(120).await.is_ok());
}

async fn higher_ranks_have_any_time(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let admin = fresh.member(group, Role::Admin).await;
    let members = [fresh.member(group, Role::Member).await, fresh.member(group, Role::Member).await];
    let message = fresh.say(group, members[0], "a", "你好").await;
    let recall = |id, by| fresh.store.recall(id, by, noon() + TimeDelta::days(100));
    assert_eq!(reason(recall(message.id, members[1]).await.unwrap_err()), "ROLE_TOO_LOW");
    assert_eq!(reason(recall(message.id, UserId::new()).await.unwrap_err()), "NOT_GROUP_MEMBER");
    assert!(recall(message.id, admin).await.is_ok());
    let of_admin = fresh.say(group, admin, "a", "你好").await;
    let of_owner = fresh.say(group, owner, "a", "你好").await;
    assert_eq!(reason(recall(of_owner.id, admin).await.unwrap_err()), "ROLE_TOO_LOW");
    assert!(recall(of_admin.id, owner).await.is_ok());
    // Of someone who has gone, too.
    let message = fresh.say(group, members[1], "a", "你好").await;
    fresh.store.leave(group, members[1], noon()).await.unwrap();
    assert!(recall(message.id, admin).await.is_ok());
}

async fn an_edited_message_says_so(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let message = fresh.say(group, member, "a", "今天下雨").await;
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    let edited = fresh.store.edit(message.id, member, &words("明天下雪"), at(900)).await.unwrap();
    let now = edited.value;
    assert_eq!((now.content.as_ref(), now.edited_at), (Some(&words("明天下雪")), Some(at(900))));
    assert_eq!((now.seq, now.version, now.created_at), (message.seq, 1, noon()));
    assert_eq!(edited.event.unwrap().change, Change::Edited { message: Box::new(now.clone()), by: member });
    assert_eq!((found(&fresh, group, "下雨").await, found(&fresh, group, "下雪").await), (0, 1));
    let late = fresh.store.edit(message.id, member, &words("晚了"), at(901)).await.unwrap_err();
    assert_eq!(reason(late), "TOO_LATE");
    let other = fresh.store.edit(message.id, owner, &words("别人"), at(1)).await.unwrap_err();
    assert_eq!(reason(other), "ROLE_TOO_LOW");
    assert_eq!(fresh.store.message(message.id).await.unwrap(), Some(now));
}

async fn who_may_not_speak_may_not_edit(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let message = fresh.say(group, member, "a", "你好").await;
    let edit = async || reason(fresh.store.edit(message.id, member, &words("坏话"), noon()).await.unwrap_err());
    fresh.store.mute(group, owner, member, Some(noon() + TimeDelta::hours(1)), noon()).await.unwrap();
    assert_eq!(edit().await, "MUTED");
    fresh.store.remove(group, owner, member, false, noon()).await.unwrap();
    assert_eq!(edit().await, "NOT_GROUP_MEMBER");
}

async fn what_was_recalled_cannot_be_edited(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.say(group, owner, "a", "你好").await;
    fresh.store.recall(message.id, owner, noon()).await.unwrap();
    let error = fresh.store.edit(message.id, owner, &words("又来"), noon()).await.unwrap_err();
    assert_eq!(reason(error), "MESSAGE_RECALLED");
}

async fn a_message_that_is_not_there_cannot_be_changed(fresh: Fresh) {
    let user = UserId::new();
    let recall = fresh.store.recall(MessageId::new(), user, noon()).await.unwrap_err();
    assert_eq!(reason(recall), "MESSAGE_NOT_FOUND");
    let edit = fresh.store.edit(MessageId::new(), user, &words("你好"), noon()).await.unwrap_err();
    assert_eq!(reason(edit), "MESSAGE_NOT_FOUND");
}
