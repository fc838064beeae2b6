//! Sending, reading and keeping order, as clients see it.

use std::{collections::HashSet, time::Duration};

use chatroom_kit::{
    ids::{GroupId, UserId},
    on_both_engines,
};
use chatroom_proto::{
    group::v1::{GetGroupRequest, JoinGroupRequest, MemberRole, MuteMemberRequest, RemoveMemberRequest},
    message::v1::{
        Attachment, CheckGroupsRequest, Content, EditMessageRequest, Event, GroupCheck, MarkReadRequest, MessageKind,
        ReadEventsRequest, RecallMessageRequest, SearchMessagesRequest, SendMessageRequest, SendSystemMessageRequest,
        SyncEventsRequest, content::Content as Body, event::Change,
    },
};
use tonic::{Code, Request};

use crate::world::{World, as_service, as_user, open, outcome, send_request, words};

on_both_engines!(
    the_customer_service_user_joins_as_an_admin,
    ten_concurrent_sends_of_one_message_are_one,
    concurrent_senders_through_several_replicas_leave_no_hole,
    a_caller_who_goes_away_cancels_nothing,
    a_refused_message_says_why,
    what_is_malformed_is_refused_by_name,
    a_recalled_message_is_gone_and_an_edited_one_says_so,
    a_gateway_reads_what_it_missed,
    another_epoch_brings_no_events,
    a_service_says_something_once,
    unread_and_search_answer_through_the_contract,
);

/// A group, its owner and a member.
async fn group(world: &World) -> (String, UserId, UserId) {
    let (owner, member) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, owner);
    let group = world.group(merchant, owner).await;
    world.join(merchant, &group, member).await;
    (group, owner, member)
}

async fn events(world: &World, group: &str) -> Vec<Event> {
    let request = ReadEventsRequest { group: group.to_owned(), after: 0, page_size: 500 };
    world.messages.clone().read_events(as_service(world, "gateway", request)).await.unwrap().into_inner().events
}

async fn the_customer_service_user_joins_as_an_admin(world: World) {
    let (owner, customer) = (UserId::new(), UserId::new());
    let merchant = world.pages.open(owner, customer);
    let group = world.group(merchant, owner).await;
    let request = JoinGroupRequest { group: group.clone() };
    let member = world.groups.clone().join_group(as_user(&world, customer, request)).await.unwrap().into_inner();
    assert_eq!(member.member.unwrap().role(), MemberRole::Admin);
    let request = GetGroupRequest { group };
    let seen = world.groups.clone().get_group(as_user(&world, owner, request)).await.unwrap().into_inner();
    assert_eq!((seen.member.unwrap().role(), seen.group.unwrap().member_count), (MemberRole::Owner, 2));
}

async fn ten_concurrent_sends_of_one_message_are_one(world: World) {
    let (group, _, member) = group(&world).await;
    let mut sends = Vec::new();
    for number in 0..10 {
        // Half of them through another replica.
        let mut client = if number % 2 == 0 { world.messages.clone() } else { world.replica().await };
        let request = as_user(&world, member, send_request(&group, "once", "你好"));
        sends.push(tokio::spawn(async move { client.send_message(request).await.unwrap().into_inner() }));
    }
    let mut answers = Vec::new();
    for send in sends {
        answers.push(send.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|answer| !answer.duplicate).count(), 1);
    assert!(answers.iter().all(|answer| answer.message == answers[0].message));
    assert_eq!(events(&world, &group).await.len(), 2);
}

/// The same request once more, as a client sends it that got no answer.
fn repeated(request: &Request<SendMessageRequest>) -> Request<SendMessageRequest> {
    let mut again = Request::new(request.get_ref().clone());
    *again.metadata_mut() = request.metadata().clone();
    again
}

async fn concurrent_senders_through_several_replicas_leave_no_hole(world: World) {
    let (group, owner, member) = group(&world).await;
    let mut sends = Vec::new();
    for sender in [owner, member] {
        for number in 0..20 {
            let mut client = if number % 2 == 0 { world.messages.clone() } else { world.replica().await };
            let request = as_user(&world, sender, send_request(&group, &number.to_string(), "你好"));
            sends.push(tokio::spawn(async move {
                loop {
                    let again = repeated(&request);
                    match client.send_message(again).await {
                        Ok(answer) => break answer.into_inner().message.unwrap().seq,
                        // Replicas that share one SQLite file wait for each other, for a while.
                        Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
                    }
                }
            }));
        }
    }
    let mut places = HashSet::new();
    for send in sends {
        assert!(places.insert(send.await.unwrap()));
    }
    assert_eq!(places, (2..=41).collect());
    let places: Vec<_> = events(&world, &group).await.iter().map(|event| event.seq).collect();
    assert_eq!(places, (1..=41).collect::<Vec<_>>());
}

async fn a_caller_who_goes_away_cancels_nothing(world: World) {
    let (group, _, member) = group(&world).await;
    // What its page wants said is known from here on: the next message waits for nothing but its turn.
    world.say(&group, member, "first", "你好").await;
    let mut client = world.messages.clone();
    let request = as_user(&world, member, send_request(&group, "a", "你好"));
    let mut call = Box::pin(client.send_message(request));
    // Begun, and left alone.
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    let again = as_user(&world, member, send_request(&group, "a", "你好"));
    assert!(world.messages.clone().send_message(again).await.unwrap().into_inner().duplicate);
}

async fn a_refused_message_says_why(world: World) {
    let (group, owner, member) = group(&world).await;
    let send = async |client_id: &str| {
        let request = as_user(&world, member, send_request(&group, client_id, "你好"));
        world.messages.clone().send_message(request).await
    };
    let until = world.clock.now() + Duration::from_mins(1);
    let mute = MuteMemberRequest {
        group: group.clone(),
        user: member.to_string(),
        until: Some(chatroom_kit::wire::timestamp(until)),
    };
    world.groups.clone().mute_member(as_user(&world, owner, mute)).await.unwrap();
    let muted = chatroom_kit::error::reason_of(&send("muted").await.unwrap_err()).unwrap();
    assert_eq!((muted.reason.as_str(), muted.metadata["until"].as_str()), ("MUTED", &*iso(until)));
    world.clock.advance(Duration::from_mins(1));
    assert_eq!(outcome(&send("later").await), "ok");
    let remove = RemoveMemberRequest { group: group.clone(), user: member.to_string(), ban: true };
    world.groups.clone().remove_member(as_user(&world, owner, remove)).await.unwrap();
    assert_eq!(outcome(&send("removed").await), "NOT_GROUP_MEMBER");
    let repeat = send("later").await.unwrap().into_inner();
    assert!(repeat.duplicate);
}

fn iso(time: chrono::DateTime<chrono::Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

async fn what_is_malformed_is_refused_by_name(world: World) {
    let (group, _, member) = group(&world).await;
    let attachment = Attachment {
        path: "/upload/20230821/7e23cd7207e15d29589565701.png".to_owned(),
        name: "猫.png".to_owned(),
        size: 1,
        ..Attachment::default()
    };
    let image = |attachment| Some(Content { content: Some(Body::Image(attachment)) });
    let usual = send_request(&group, "a", "你好");
    let wrong = [
        ("group", SendMessageRequest { group: "x".to_owned(), ..usual.clone() }),
        ("clientId", SendMessageRequest { client_id: String::new(), ..usual.clone() }),
        ("clientId", SendMessageRequest { client_id: "é".to_owned(), ..usual.clone() }),
        ("content", SendMessageRequest { content: None, ..usual.clone() }),
        ("content.text", SendMessageRequest { content: Some(words("  ")), ..usual.clone() }),
        ("content.text", SendMessageRequest { content: Some(words(&"字".repeat(5001))), ..usual.clone() }),
        (
            "content.path",
            SendMessageRequest {
                content: image(Attachment { path: "https://evil.example/a.png".to_owned(), ..attachment }),
                ..usual.clone()
            },
        ),
        (
            "kind",
            SendMessageRequest {
                content: Some(Content { content: Some(Body::System("公告".to_owned())) }),
                ..usual.clone()
            },
        ),
        ("replyTo", SendMessageRequest { reply_to: "x".to_owned(), ..usual.clone() }),
        ("mentions", SendMessageRequest { mentions: vec!["everyone".to_owned()], ..usual }),
    ];
    for (field, request) in wrong {
        let status = world.messages.clone().send_message(as_user(&world, member, request)).await.unwrap_err();
        let reason = chatroom_kit::error::reason_of(&status).unwrap();
        assert_eq!((reason.reason.as_str(), reason.metadata["field"].as_str()), ("INVALID_ARGUMENT", field));
    }
}

async fn a_recalled_message_is_gone_and_an_edited_one_says_so(world: World) {
    let (group, _, member) = group(&world).await;
    let first = world.say(&group, member, "a", "说错话了").await;
    let edit = EditMessageRequest { message: first.id.clone(), content: Some(words("改好了")) };
    let edited = world.messages.clone().edit_message(as_user(&world, member, edit)).await.unwrap().into_inner();
    let edited = edited.message.unwrap();
    assert!(edited.content == Some(words("改好了")) && edited.edit_time.is_some() && edited.version == 1);
    let recall = RecallMessageRequest { message: first.id };
    let recalled = world.messages.clone().recall_message(as_user(&world, member, recall)).await.unwrap().into_inner();
    let recalled = recalled.message.unwrap();
    assert_eq!((recalled.content.as_ref(), recalled.kind()), (None, MessageKind::Text));
    let events = events(&world, &group).await;
    assert_eq!(events.len(), 4);
    for event in &events[1..] {
        let message = match event.change.as_ref().unwrap() {
            Change::Message(message) => message,
            Change::Edited(change) | Change::Recalled(change) => change.message.as_ref().unwrap(),
            other => panic!("another event: {other:?}"),
        };
        assert_eq!(message, &recalled);
    }
}

async fn a_gateway_reads_what_it_missed(world: World) {
    let (group, owner, member) = group(&world).await;
    for number in 0..9 {
        world.say(&group, member, &number.to_string(), &"长".repeat(5000)).await;
    }
    let mut after = 1;
    let mut places = Vec::new();
    loop {
        let request = ReadEventsRequest { group: group.clone(), after, page_size: 4 };
        let request = as_service(&world, "gateway", request);
        let read = world.messages.clone().read_events(request).await.unwrap().into_inner();
        assert_eq!(read.head_seq, 10);
        places.extend(read.events.iter().map(|event| event.seq));
        after = *places.last().unwrap();
        if !read.more {
            break;
        }
    }
    assert_eq!(places, (2..=10).collect::<Vec<_>>());
    let outsider = UserId::new();
    let users = [owner, member, outsider].map(|user| user.to_string()).to_vec();
    let check = CheckGroupsRequest { groups: vec![GroupCheck { group: group.clone(), users }] };
    let state = world.messages.clone().check_groups(as_service(&world, "gateway", check)).await.unwrap().into_inner();
    assert_eq!((state.groups.len(), state.groups[0].head_seq, state.groups[0].members.len()), (1, 10, 2));
    let nothing = ReadEventsRequest { group: GroupId::new().to_string(), ..ReadEventsRequest::default() };
    let answer = world.messages.clone().read_events(as_service(&world, "gateway", nothing)).await;
    assert_eq!(outcome(&answer), "GROUP_NOT_FOUND");
}

async fn another_epoch_brings_no_events(world: World) {
    let (group, _, member) = group(&world).await;
    let sync = async |epoch: &str| {
        let request =
            SyncEventsRequest { group: group.clone(), epoch: epoch.to_owned(), ..SyncEventsRequest::default() };
        world.messages.clone().sync_events(as_user(&world, member, request)).await.unwrap().into_inner()
    };
    let first = sync("").await;
    assert_eq!((first.events.len(), first.head_seq, first.more), (1, 1, false));
    assert_eq!(sync(&first.epoch).await, first);
    let other = sync("another").await;
    assert_eq!((other.events.len(), other.head_seq, other.epoch, other.more), (0, 1, first.epoch, false));
}

async fn a_service_says_something_once(world: World) {
    let (group, ..) = group(&world).await;
    let say = async |name: &str| {
        let request = SendSystemMessageRequest {
            group: group.clone(),
            client_id: "order-1".to_owned(),
            text: "订单已发货".to_owned(),
        };
        world.messages.clone().send_system_message(as_service(&world, name, request)).await.unwrap().into_inner()
    };
    let first = say("order-system").await;
    let message = first.message.clone().unwrap();
    assert_eq!(
        (message.kind(), message.user.as_str(), message.service.as_str()),
        (MessageKind::System, "", "order-system")
    );
    let again = say("order-system").await;
    assert!(!first.duplicate && again.duplicate && again.message == first.message);
    assert!(!say("bot").await.duplicate);
}

async fn unread_and_search_answer_through_the_contract(world: World) {
    let (group, owner, member) = group(&world).await;
    for number in 0..3 {
        world.say(&group, owner, &number.to_string(), "今天的好天气").await;
    }
    let read = MarkReadRequest { group: group.clone(), seq: 3 };
    let read = world.messages.clone().mark_read(as_user(&world, member, read)).await.unwrap().into_inner();
    assert_eq!((read.read_seq, read.unread), (3, 1));
    let mut places = Vec::new();
    let mut before = 0;
    loop {
        let request = SearchMessagesRequest { group: group.clone(), query: "天气".to_owned(), before, page_size: 2 };
        let found =
            world.messages.clone().search_messages(as_user(&world, member, request)).await.unwrap().into_inner();
        places.extend(found.messages.iter().map(|message| message.seq));
        let Some(next) = found.before else { break };
        before = next;
    }
    assert_eq!(places, [4, 3, 2]);
}
