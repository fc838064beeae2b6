//! What has grown too old loses its content, and what someone has said can be given to them.

use std::time::Duration;

use chatroom_group::domain::{Attachment, Content, Draft, Page, Query};
use chatroom_kit::{
    ids::{GroupId, MerchantId, UserId},
    on_both_engines,
};
use chrono::{DateTime, Utc};

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    what_is_too_old_loses_its_content_and_keeps_its_place,
    its_files_go_with_it,
    a_page_is_looked_at_by_one_at_a_time,
    everything_that_someone_has_said_is_theirs_to_have,
    a_user_who_goes_is_in_no_group,
);

const PATH: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";

fn at(day: u64) -> DateTime<Utc> {
    noon() + Duration::from_hours(24 * day)
}

async fn say_at(fresh: &Fresh, group: GroupId, draft: Draft, day: u64) {
    let outcomes = fresh.store.send(group, &[draft], at(day)).await.unwrap().outcomes;
    assert!(outcomes[0].is_ok());
}

async fn expire(fresh: &Fresh, group: GroupId, before: u64) -> Option<i64> {
    let mut seq = 0;
    while let Some(last) = fresh.store.expire(group, seq, at(before), at(before)).await.unwrap() {
        seq = last;
    }
    Some(seq).filter(|seq| *seq > 0)
}

async fn what_is_too_old_loses_its_content_and_keeps_its_place(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    // More than one batch.
    for first in (0..250).step_by(50) {
        let drafts: Vec<_> = (first..first + 50).map(|n| text(owner, &n.to_string(), "旧的消息")).collect();
        fresh.store.send(group, &drafts, at(0)).await.unwrap();
    }
    say_at(&fresh, group, text(owner, "new", "新的消息"), 10).await;
    assert_eq!(expire(&fresh, group, 5).await, Some(250));
    let messages = fresh.store.messages(group, Page::Last, 1000).await.unwrap();
    let kept: Vec<_> = messages.iter().filter(|message| message.content.is_some()).map(|it| it.seq).collect();
    assert_eq!((messages.len(), kept), (251, vec![251]));
    assert_eq!(fresh.places(group).await, (1..=251).collect::<Vec<_>>());
    let found = fresh.store.search(group, &Query::parse(group, "消息").unwrap(), None, 100).await.unwrap();
    assert_eq!(found.messages.len(), 1);
    assert_eq!(fresh.store.expire(group, 250, at(5), at(5)).await.unwrap(), None);
    let merchant = fresh.store.access(group, owner).await.unwrap().unwrap().group.merchant;
    assert_eq!(fresh.store.expiries(merchant).await.unwrap(), [(group, 250)]);
}

async fn its_files_go_with_it(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let attachment =
        Attachment { path: PATH.to_owned(), name: "猫.png".to_owned(), size: 1, width: None, height: None };
    let show = |client_id| Draft { content: Content::Image(attachment.clone()), ..text(owner, client_id, "x") };
    say_at(&fresh, group, show("a"), 0).await;
    say_at(&fresh, group, show("b"), 10).await;
    let discarded = async || fresh.store.claim_discarded(10, at(20), at(21)).await.unwrap().len();
    expire(&fresh, group, 5).await;
    assert_eq!(discarded().await, 0);
    expire(&fresh, group, 15).await;
    assert_eq!(discarded().await, 1);
}

async fn a_page_is_looked_at_by_one_at_a_time(fresh: Fresh) {
    let merchant = MerchantId::new();
    let (store, replica) = (&fresh.store, fresh.replica().await);
    store.set_retention(merchant, Some(30), at(0)).await.unwrap();
    assert_eq!(store.retention(merchant).await.unwrap(), Some(30));
    let claimed = store.claim_retained(at(0), at(1)).await.unwrap().unwrap();
    assert_eq!((claimed.merchant, claimed.days), (merchant, 30));
    assert_eq!(replica.claim_retained(at(0), at(1)).await.unwrap(), None);
    assert!(replica.claim_retained(at(1), at(2)).await.unwrap().is_some());
    store.put_off_retained(merchant, at(5)).await.unwrap();
    assert_eq!(store.claim_retained(at(4), at(6)).await.unwrap(), None);
    store.set_retention(merchant, None, at(6)).await.unwrap();
    assert_eq!(
        (store.retention(merchant).await.unwrap(), store.claim_retained(at(9), at(9)).await.unwrap()),
        (None, None)
    );
}

async fn everything_that_someone_has_said_is_theirs_to_have(fresh: Fresh) {
    let user = UserId::new();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (group, owner) = fresh.group().await;
        fresh.store.join(group, user, chatroom_group::domain::Role::Member, noon()).await.unwrap();
        for number in 0..3 {
            fresh.say(group, owner, &number.to_string(), "别人的").await;
            let message = fresh.say(group, user, &number.to_string(), "我的").await;
            expected.push((group.to_string(), message.seq));
        }
    }
    expected.sort();
    let (mut read, mut after) = (Vec::new(), None);
    loop {
        let messages = fresh.store.said_by(user, after, 2).await.unwrap();
        let Some(last) = messages.last() else { break };
        after = Some((last.group, last.seq));
        read.extend(messages.iter().map(|message| (message.group.to_string(), message.seq)));
    }
    assert_eq!(read, expected);
}

async fn a_user_who_goes_is_in_no_group(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    fresh.say(group, owner, "a", "你好").await;
    for group in fresh.store.groups_of(owner).await.unwrap() {
        assert!(fresh.store.end_membership(group, owner, noon()).await.unwrap().value);
        assert!(!fresh.store.end_membership(group, owner, noon()).await.unwrap().value);
    }
    assert!(fresh.store.groups_of(owner).await.unwrap().is_empty());
    assert_eq!(fresh.places(group).await, [1, 2]);
    assert!(fresh.store.messages(group, Page::Last, 10).await.unwrap()[0].content.is_some());
}
