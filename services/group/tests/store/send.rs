//! Sending: one sequence without holes, one message for one client id, nobody after their removal.

use std::collections::HashSet;

use chatroom_group::domain::{Change, ClientId, Content, Draft, Kind, Mentions, MessageId, Refusal, Role, Sender};
use chatroom_kit::{
    ids::{GroupId, UserId},
    on_both_engines,
};
use chrono::TimeDelta;

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    a_message_is_stored_as_it_was_sent,
    a_batch_is_judged_one_by_one,
    an_attachment_is_stored_as_it_was_sent,
    a_reply_shows_what_it_answers,
    mentions_name_members,
    outsiders_are_not_heard,
    a_repeat_answers_the_first_message,
    a_repeat_after_removal_answers_the_first_message,
    concurrent_repeats_on_several_replicas_are_one_message,
    concurrent_senders_on_several_replicas_leave_no_hole,
    nobody_removed_gets_a_later_place,
    a_service_speaks_in_its_own_name,
    text_is_stored_literally,
);

async fn a_message_is_stored_as_it_was_sent(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let sent = fresh.send(group, text(owner, "a", "你好")).await.unwrap();
    assert!(!sent.duplicate);
    let message = sent.message;
    assert_eq!((message.seq, message.group, &message.sender), (1, group, &Sender::User(owner)));
    assert_eq!((message.kind, &message.content), (Kind::Text, &Some(Content::Text("你好".to_owned()))));
    assert_eq!((message.version, message.created_at, message.edited_at), (0, noon(), None));
    assert_eq!(fresh.store.message(message.id).await.unwrap(), Some(message.clone()));
    let events = fresh.events(group).await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].change, Change::Message(Box::new(message)));
}

async fn a_batch_is_judged_one_by_one(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let first = fresh.say(group, owner, "first", "一").await;
    let drafts = [
        text(owner, "second", "二"),
        text(UserId::new(), "stranger", "三"),
        text(owner, "first", "四"),
        text(owner, "third", "五"),
        text(owner, "second", "六"),
    ];
    let batch = fresh.store.send(group, &drafts, noon()).await.unwrap();
    let outcomes: Vec<_> = batch
        .outcomes
        .iter()
        .map(|outcome| outcome.as_ref().map(|sent| (sent.message.seq, sent.duplicate)).map_err(|refusal| *refusal))
        .collect();
    let expected = [Ok((2, false)), Err(Refusal::NotGroupMember), Ok((1, true)), Ok((3, false)), Ok((2, true))];
    assert_eq!(outcomes, expected);
    assert_eq!(batch.outcomes[2].as_ref().unwrap().message, first);
    assert_eq!(batch.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(fresh.events(group).await[1..], batch.events);
}

async fn an_attachment_is_stored_as_it_was_sent(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let attachment = chatroom_group::domain::Attachment {
        path: "/upload/20230821/7e23cd7207e15d29589565701.png".to_owned(),
        name: "猫 \"'.png".to_owned(),
        size: 12_345,
        width: Some(640),
        height: Some(480),
    };
    for (client_id, content) in [("image", Content::Image(attachment.clone())), ("file", Content::File(attachment))] {
        let draft = Draft { content: content.clone(), ..text(owner, client_id, "x") };
        let id = fresh.send(group, draft).await.unwrap().message.id;
        assert_eq!(fresh.store.message(id).await.unwrap().unwrap().content, Some(content));
    }
}

async fn a_reply_shows_what_it_answers(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let first = fresh.say(group, owner, "first", "在吗？").await;
    let draft = Draft { reply_to: Some(first.id), ..text(owner, "second", "在") };
    let second = fresh.send(group, draft).await.unwrap().message;
    let reply = second.reply_to.clone().unwrap();
    assert_eq!((reply.id, reply.seq, reply.content), (first.id, first.seq, first.content));
    assert_eq!(fresh.store.message(second.id).await.unwrap(), Some(second));
    let (other, stranger) = fresh.group().await;
    for reply_to in [first.id, MessageId::new()] {
        let draft = Draft { reply_to: Some(reply_to), ..text(stranger, "other", "在") };
        assert_eq!(fresh.send(other, draft).await.unwrap_err(), Refusal::MessageNotFound);
    }
}

async fn mentions_name_members(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let mention = |sender, client_id: &str, names: &[String]| Draft {
        mentions: Mentions::parse(names).unwrap(),
        ..text(sender, client_id, "看")
    };
    let both = [member.to_string(), "all".to_owned()];
    let message = fresh.send(group, mention(owner, "both", &both)).await.unwrap().message;
    assert_eq!(message.mentions, Mentions { all: true, users: vec![member] });
    assert_eq!(fresh.store.message(message.id).await.unwrap(), Some(message));
    assert_eq!(fresh.send(group, mention(member, "all", &both)).await.unwrap_err(), Refusal::RoleTooLow);
    let stranger = [UserId::new().to_string()];
    assert_eq!(fresh.send(group, mention(owner, "other", &stranger)).await.unwrap_err(), Refusal::MemberNotFound);
}

async fn outsiders_are_not_heard(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    assert_eq!(fresh.send(group, text(UserId::new(), "a", "x")).await.unwrap_err(), Refusal::NotGroupMember);
    assert_eq!(fresh.send(GroupId::new(), text(owner, "a", "x")).await.unwrap_err(), Refusal::GroupNotFound);
    assert!(fresh.places(group).await.is_empty());
}

async fn a_repeat_answers_the_first_message(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let first = fresh.send(group, text(owner, "a", "一")).await.unwrap();
    let again = fresh.send(group, text(owner, "a", "二")).await.unwrap();
    assert!(again.duplicate);
    assert_eq!(again.message, first.message);
    // The id is its client's own.
    let other = fresh.send(group, text(member, "a", "三")).await.unwrap();
    assert!(!other.duplicate);
}

async fn a_repeat_after_removal_answers_the_first_message(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let first = fresh.say(group, member, "a", "一").await;
    fresh.store.remove(group, owner, member, true, noon()).await.unwrap();
    fresh.store.dismiss(group, owner, noon()).await.unwrap();
    let again = fresh.send(group, text(member, "a", "一")).await.unwrap();
    assert_eq!((again.message, again.duplicate), (first, true));
    assert_eq!(fresh.send(group, text(member, "b", "二")).await.unwrap_err(), Refusal::NotGroupMember);
}

async fn concurrent_repeats_on_several_replicas_are_one_message(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let mut sends = Vec::new();
    for _ in 0..10 {
        let store = fresh.replica().await;
        sends.push(tokio::spawn(async move {
            store.send(group, &[text(owner, "once", "一")], noon()).await.unwrap().outcomes.remove(0).unwrap()
        }));
    }
    let mut fresh_ones = 0;
    let mut ids = HashSet::new();
    for send in sends {
        let sent = send.await.unwrap();
        fresh_ones += u32::from(!sent.duplicate);
        ids.insert(sent.message.seq);
    }
    assert_eq!((fresh_ones, ids.len()), (1, 1));
    assert_eq!(fresh.places(group).await, [1]);
}

async fn concurrent_senders_on_several_replicas_leave_no_hole(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let mut senders = vec![owner];
    for _ in 0..3 {
        senders.push(fresh.member(group, Role::Member).await);
    }
    let mut tasks = Vec::new();
    for sender in senders {
        let store = fresh.replica().await;
        tasks.push(tokio::spawn(async move {
            let mut places = Vec::new();
            for round in 0..20 {
                let drafts: Vec<_> = (0..5).map(|n| text(sender, &format!("{round}.{n}"), "你好")).collect();
                let batch = store.send(group, &drafts, noon()).await.unwrap();
                places.extend(batch.outcomes.into_iter().map(|sent| sent.unwrap().message.seq));
            }
            places
        }));
    }
    let mut places = Vec::new();
    for task in tasks {
        let own = task.await.unwrap();
        assert!(own.is_sorted());
        places.extend(own);
    }
    places.sort_unstable();
    // Three came before anyone spoke.
    assert_eq!(places, (4..=403).collect::<Vec<_>>());
    assert_eq!(fresh.places(group).await, (1..=403).collect::<Vec<_>>());
}

async fn nobody_removed_gets_a_later_place(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    for _ in 0..10 {
        let member = fresh.member(group, Role::Member).await;
        let (sending, removing) = (fresh.replica().await, fresh.replica().await);
        let send = tokio::spawn(async move {
            let mut last = 0;
            for n in 0..50 {
                match sending.send(group, &[text(member, &n.to_string(), "你好")], noon()).await.unwrap().outcomes[0]
                {
                    Ok(ref sent) => last = sent.message.seq,
                    Err(refusal) => assert_eq!(refusal, Refusal::NotGroupMember),
                }
            }
            last
        });
        let removed = removing.remove(group, owner, member, false, noon()).await.unwrap().event.unwrap();
        assert!(send.await.unwrap() < removed.seq);
    }
}

async fn a_service_speaks_in_its_own_name(fresh: Fresh) {
    let (group, _) = fresh.group().await;
    let draft = Draft {
        sender: Sender::Service("order-bot".to_owned()),
        client_id: ClientId::parse("order-1").unwrap(),
        content: Content::system("订单已发货").unwrap(),
        reply_to: None,
        mentions: Mentions::default(),
    };
    let message = fresh.send(group, draft.clone()).await.unwrap().message;
    assert_eq!((message.kind, &message.sender), (Kind::System, &draft.sender));
    assert!(fresh.send(group, draft).await.unwrap().duplicate);
}

async fn text_is_stored_literally(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let words = "'; drop table message; -- %_\\ \"`$1? {\"a\":1}\n\t\u{1F469}\u{200D}\u{1F467}";
    let message = fresh.say(group, owner, "'\"$1", words).await;
    let stored = fresh.store.message(message.id).await.unwrap().unwrap();
    assert_eq!(stored.content, Some(Content::Text(words.to_owned())));
    assert_eq!(stored.client_id, "'\"$1");
    let later = noon() + TimeDelta::seconds(1);
    let edited = fresh.store.edit(message.id, owner, &Content::text("'$2").unwrap(), later).await.unwrap().value;
    assert_eq!(fresh.store.message(message.id).await.unwrap(), Some(edited));
}
