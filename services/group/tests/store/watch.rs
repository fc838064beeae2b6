//! What a gateway asks about many groups at once.

use std::collections::HashMap;

use chatroom_group::{domain::Role, store::Watched};
use chatroom_kit::{
    ids::{GroupId, UserId},
    on_both_engines,
};

use crate::world::{Fresh, open};

on_both_engines!(heads_and_memberships_come_together);

async fn heads_and_memberships_come_together(fresh: Fresh) {
    let (one, owner) = fresh.group().await;
    let (other, other_owner) = fresh.group().await;
    let member = fresh.member(one, Role::Member).await;
    fresh.say(one, owner, "a", "你好").await;
    let watched = [
        Watched { group: one, users: vec![owner, member, other_owner] },
        Watched { group: other, users: vec![owner] },
        Watched { group: GroupId::new(), users: vec![UserId::new()] },
    ];
    let groups = fresh.store.watched(&watched).await.unwrap();
    assert_eq!(groups.len(), 2);
    let groups: HashMap<_, _> = groups.into_iter().map(|group| (group.group, group)).collect();
    assert_eq!((groups[&one].head_seq, groups[&other].head_seq), (2, 0));
    assert_ne!(groups[&one].epoch, groups[&other].epoch);
    assert!(groups[&other].members.is_empty());
    let members = &groups[&one].members;
    assert!(members.len() == 2 && members.contains(&owner) && members.contains(&member));
    assert!(fresh.store.watched(&[]).await.unwrap().is_empty());
}
