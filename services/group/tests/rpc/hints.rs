//! What the bus is told, and when.

use chatroom_kit::{
    bus::{Hints, Subject},
    ids::{GroupId, UserId},
    on_both_engines,
};
use chatroom_proto::{
    group::v1::RemoveMemberRequest,
    message::v1::{GroupHint, MarkReadRequest, ReadEventsRequest, ReadHint, UserHint, event::Change, user_hint::Hint},
};
use prost::Message as _;

use crate::world::{World, as_service, as_user, open};

on_both_engines!(
    what_is_stored_is_told_once_it_can_be_read,
    a_users_devices_hear_of_the_user,
    a_long_hint_leaves_its_events_out
);

/// A group, its owner and a member.
async fn group(world: &World) -> (String, UserId, UserId) {
    let (owner, member) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    world.join(merchant, &group, member).await;
    (group, owner, member)
}

async fn listen(world: &World, group: &str) -> Hints {
    let id: GroupId = group.parse().unwrap();
    world.bus.subscribe(Subject::Group(id)).await
}

async fn group_hint(hints: &mut Hints) -> GroupHint {
    GroupHint::decode(hints.next().await.unwrap()).unwrap()
}

async fn what_is_stored_is_told_once_it_can_be_read(world: World) {
    let (group, owner, member) = group(&world).await;
    let mut hints = listen(&world, &group).await;
    let message = world.say(&group, member, "a", "你好").await;
    let said = group_hint(&mut hints).await;
    assert_eq!((said.group.as_str(), said.head_seq, said.events.len()), (group.as_str(), 2, 1));
    assert_eq!(said.events[0].change, Some(Change::Message(message)));
    let read = ReadEventsRequest { group: group.clone(), after: 1, page_size: 10 };
    let read = world.messages.clone().read_events(as_service(&world, "gateway", read)).await.unwrap().into_inner();
    assert_eq!((read.events, read.epoch), (said.events, said.epoch));
    let remove = RemoveMemberRequest { group: group.clone(), user: member.to_string(), ban: false };
    world.groups.clone().remove_member(as_user(&world, owner, remove)).await.unwrap();
    let removed = group_hint(&mut hints).await;
    assert_eq!(removed.head_seq, 3);
    assert!(matches!(removed.events[0].change, Some(Change::Removed(_))));
}

async fn a_users_devices_hear_of_the_user(world: World) {
    let (owner, member) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    let mut hints = world.bus.subscribe(Subject::User(member)).await;
    world.join(merchant, &group, member).await;
    let hint = UserHint::decode(hints.next().await.unwrap()).unwrap();
    assert_eq!(hint.hint, Some(Hint::Joined(group.clone())));
    world.say(&group, owner, "a", "你好").await;
    for _ in 0..2 {
        let read = MarkReadRequest { group: group.clone(), seq: 2 };
        world.messages.clone().mark_read(as_user(&world, member, read)).await.unwrap();
    }
    world.say(&group, owner, "b", "你好").await;
    let read = MarkReadRequest { group: group.clone(), seq: 3 };
    world.messages.clone().mark_read(as_user(&world, member, read)).await.unwrap();
    // A cursor that did not move is not told.
    for read_seq in [2, 3] {
        let hint = UserHint::decode(hints.next().await.unwrap()).unwrap();
        assert_eq!(hint.hint, Some(Hint::Read(ReadHint { group: group.clone(), read_seq, unread: 0 })));
    }
}

async fn a_long_hint_leaves_its_events_out(world: World) {
    let (group, _, member) = group(&world).await;
    let mut hints = listen(&world, &group).await;
    let mut sends = Vec::new();
    for number in 0..12 {
        let (mut client, text) = (world.messages.clone(), "长".repeat(5000));
        let request = crate::world::send_request(&group, &number.to_string(), &text);
        let request = as_user(&world, member, request);
        sends.push(tokio::spawn(async move { client.send_message(request).await.unwrap() }));
    }
    for send in sends {
        send.await.unwrap();
    }
    let mut last = 1;
    while last < 13 {
        let hint = group_hint(&mut hints).await;
        assert!(hint.encoded_len() < 100 << 10);
        assert!(hint.events.is_empty() || hint.events.last().unwrap().seq == hint.head_seq);
        assert!(hint.head_seq > last);
        last = hint.head_seq;
    }
}
