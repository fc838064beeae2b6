//! Conversations with a page's customer service.

use chatroom_group::domain::{Contact, Content, GroupKind, Refusal, Role};
use chatroom_kit::{
    ids::{MerchantId, UserId},
    on_both_engines,
};

use crate::world::{Fresh, noon, open, reason, text};

on_both_engines!(
    a_conversation_is_opened_once,
    concurrent_contacts_are_one_conversation,
    it_is_private,
    its_members_stay,
);

fn contact() -> Contact {
    Contact {
        user: UserId::new(),
        customer: UserId::new(),
        merchant: MerchantId::new(),
        name: "小蓝的商页".to_owned(),
        icon: "https://img.example/59024.jpg".to_owned(),
    }
}

async fn a_conversation_is_opened_once(fresh: Fresh) {
    let contact = contact();
    let opened = fresh.store.open_contact(&contact, noon()).await.unwrap();
    assert!(opened.new);
    let again = fresh.store.open_contact(&contact, noon()).await.unwrap();
    assert_eq!((again.group, again.new), (opened.group, false));
    for user in [contact.user, contact.customer] {
        let conversation = fresh.store.conversation(opened.group, user).await.unwrap().unwrap();
        assert_eq!((conversation.group.kind, conversation.group.member_count), (GroupKind::Service, 2));
        assert_eq!((conversation.group.name.as_str(), conversation.member.role), ("小蓝的商页", Role::Member));
    }
    let other = Contact { user: UserId::new(), ..contact };
    assert_ne!(fresh.store.open_contact(&other, noon()).await.unwrap().group, opened.group);
}

async fn concurrent_contacts_are_one_conversation(fresh: Fresh) {
    let contact = contact();
    let contacts = (0..10).map(|_| {
        let (store, contact) = (fresh.store.clone(), contact.clone());
        tokio::spawn(async move { store.open_contact(&contact, noon()).await.unwrap() })
    });
    let mut opened = Vec::new();
    for contact in contacts.collect::<Vec<_>>() {
        opened.push(contact.await.unwrap());
    }
    assert!(opened.iter().all(|it| it.group == opened[0].group));
    assert_eq!(opened.iter().filter(|it| it.new).count(), 1);
}

async fn it_is_private(fresh: Fresh) {
    let contact = contact();
    let group = fresh.store.open_contact(&contact, noon()).await.unwrap().group;
    assert!(fresh.store.groups(contact.merchant, contact.user, None, 10).await.unwrap().is_empty());
    let joined = fresh.store.join(group, UserId::new(), Role::Member, noon()).await.unwrap_err();
    assert_eq!(reason(joined), "GROUP_NOT_FOUND");
    // Whatever an outsider tries, it is not there.
    let message = fresh.say(group, contact.user, "a", "在吗？").await;
    let (store, outsider) = (&fresh.store, UserId::new());
    assert_eq!(fresh.send(group, text(outsider, "a", "你好")).await, Err(Refusal::GroupNotFound));
    assert_eq!(reason(store.leave(group, outsider, noon()).await.unwrap_err()), "GROUP_NOT_FOUND");
    assert_eq!(reason(store.mute_all(group, outsider, true, noon()).await.unwrap_err()), "GROUP_NOT_FOUND");
    assert_eq!(reason(store.dismiss(group, outsider, noon()).await.unwrap_err()), "GROUP_NOT_FOUND");
    assert_eq!(reason(store.recall(message.id, outsider, noon()).await.unwrap_err()), "MESSAGE_NOT_FOUND");
    let words = Content::text("改").unwrap();
    assert_eq!(reason(store.edit(message.id, outsider, &words, noon()).await.unwrap_err()), "MESSAGE_NOT_FOUND");
}

async fn its_members_stay(fresh: Fresh) {
    let contact = contact();
    let group = fresh.store.open_contact(&contact, noon()).await.unwrap().group;
    let left = fresh.store.leave(group, contact.user, noon()).await.unwrap_err();
    assert_eq!(reason(left), "SERVICE_CONVERSATION");
    let removed = fresh.store.remove(group, contact.customer, contact.user, false, noon()).await.unwrap_err();
    assert_eq!(reason(removed), "ROLE_TOO_LOW");
    assert!(fresh.send(group, text(contact.user, "a", "你好")).await.is_ok());
}
