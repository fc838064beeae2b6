//! Files are thrown away with their last use, and not before.

use std::time::Duration;

use chatroom_group::domain::{Attachment, Content, Draft, GroupPatch, Message, Refusal, Role};
use chatroom_kit::{
    fields::Icon,
    ids::{GroupId, UserId},
    on_both_engines,
};

use crate::world::{Fresh, noon, open, text};

on_both_engines!(
    a_file_goes_with_its_last_message,
    a_groups_picture_is_kept,
    what_is_claimed_is_nobody_elses_for_a_while,
    a_file_is_never_thrown_away_under_a_message,
    what_was_thrown_away_is_refused_singly,
);

const PATH: &str = "/upload/20230821/7e23cd7207e15d29589565701.png";

fn image(sender: UserId, client_id: &str, path: &str) -> Draft {
    let attachment =
        Attachment { path: path.to_owned(), name: "猫.png".to_owned(), size: 1, width: None, height: None };
    Draft { content: Content::Image(attachment), ..text(sender, client_id, "x") }
}

impl Fresh {
    async fn show(&self, group: GroupId, sender: UserId, client_id: &str) -> Message {
        self.send(group, image(sender, client_id, PATH)).await.unwrap().message
    }

    async fn recall(&self, message: &Message, by: UserId) {
        self.store.recall(message.id, by, noon()).await.unwrap();
    }

    /// What is to be deleted, as often as it was begun.
    async fn discarded(&self) -> Vec<(String, i32)> {
        let claimed = self.store.claim_discarded(100, noon(), noon() + Duration::from_secs(30)).await.unwrap();
        claimed.into_iter().map(|it| (it.path, it.attempts)).collect()
    }
}

async fn a_file_goes_with_its_last_message(fresh: Fresh) {
    let ((here, owner), (there, other)) = (fresh.group().await, fresh.group().await);
    let first = fresh.show(here, owner, "a").await;
    let again = fresh.show(here, owner, "b").await;
    let elsewhere = fresh.show(there, other, "a").await;
    for (message, by) in [(&first, owner), (&again, owner)] {
        fresh.recall(message, by).await;
        assert_eq!(fresh.discarded().await, []);
    }
    fresh.recall(&elsewhere, other).await;
    assert_eq!(fresh.discarded().await, [(PATH.to_owned(), 1)]);
}

async fn a_groups_picture_is_kept(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let patch = |icon| GroupPatch { name: None, icon: Some(Icon::parse(icon).unwrap()) };
    fresh.store.update(group, owner, &patch(PATH), noon()).await.unwrap();
    let message = fresh.show(group, owner, "a").await;
    fresh.recall(&message, owner).await;
    assert_eq!(fresh.discarded().await, []);
    // It has another picture now, and then the old one again, before anything was deleted.
    fresh.store.update(group, owner, &patch("https://img.example/1.jpg"), noon()).await.unwrap();
    let message = fresh.show(group, owner, "b").await;
    fresh.recall(&message, owner).await;
    fresh.store.update(group, owner, &patch(PATH), noon()).await.unwrap();
    assert_eq!(fresh.discarded().await, []);
    fresh.show(group, owner, "c").await;
}

async fn what_is_claimed_is_nobody_elses_for_a_while(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let message = fresh.show(group, owner, "a").await;
    fresh.recall(&message, owner).await;
    let claim = async |minute: u64| {
        let now = noon() + Duration::from_mins(minute);
        let claimed = fresh.replica().await.claim_discarded(100, now, now + Duration::from_mins(1)).await.unwrap();
        claimed.into_iter().map(|it| it.attempts).collect::<Vec<_>>()
    };
    assert_eq!(claim(0).await, [1]);
    assert!(claim(0).await.is_empty());
    assert_eq!(claim(1).await, [2]);
    fresh.store.set_discarded(PATH, None).await.unwrap();
    assert!(claim(60).await.is_empty());
}

async fn a_file_is_never_thrown_away_under_a_message(fresh: Fresh) {
    let ((here, owner), (there, other)) = (fresh.group().await, fresh.group().await);
    for round in 0..20 {
        let path = format!("/upload/20230821/{round:025x}.png");
        let message = fresh.send(here, image(owner, &path, &path)).await.unwrap().message;
        let (store, replica) = (fresh.store.clone(), fresh.replica().await);
        let drafts = [image(other, &path, &path)];
        let (recalled, sent) =
            tokio::join!(store.recall(message.id, owner, noon()), replica.send(there, &drafts, noon()));
        recalled.unwrap();
        let sent = sent.unwrap().outcomes.remove(0);
        let thrown_away = fresh.discarded().await.iter().any(|(it, _)| *it == path);
        match sent {
            Ok(_) => assert!(!thrown_away, "round {round}"),
            Err(refusal) => assert!(thrown_away && refusal == Refusal::FileNotFound, "round {round}"),
        }
    }
}

async fn what_was_thrown_away_is_refused_singly(fresh: Fresh) {
    let (group, owner) = fresh.group().await;
    let member = fresh.member(group, Role::Member).await;
    let message = fresh.show(group, owner, "a").await;
    fresh.recall(&message, owner).await;
    let drafts = [image(member, "a", PATH), text(member, "b", "你好"), image(owner, "a", PATH)];
    let outcomes = fresh.store.send(group, &drafts, noon()).await.unwrap().outcomes;
    assert_eq!(outcomes[0], Err(Refusal::FileNotFound));
    assert!(outcomes[1].as_ref().is_ok_and(|sent| !sent.duplicate));
    assert!(outcomes[2].as_ref().is_ok_and(|sent| sent.duplicate && sent.message.content.is_none()));
}
