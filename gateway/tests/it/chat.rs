//! The chat's answers byte for byte, what the services behind them are asked, and where names come from.

use std::sync::{Arc, Mutex};

use chatroom_proto::{
    group::v1::{Group, GroupKind, ListMembersRequest, ListMembersResponse, Member, MemberRole},
    message::v1::{
        Attachment, Content, Conversation, Event, GroupDismissed, GroupMuted, GroupUpdated, ListConversationsRequest,
        ListConversationsResponse, ListMessagesRequest, ListMessagesResponse, MemberJoined, MemberLeft, MemberMuted,
        MemberRemoved, Message, MessageChanged, MessageKind, Reply, RoleChanged, SendMessageRequest,
        SendMessageResponse, SyncEventsRequest, SyncEventsResponse, content::Content as Said, event::Change,
        list_messages_request::Page,
    },
    user::v1::{BatchGetUsersRequest, BatchGetUsersResponse, User},
};
use prost_types::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use tonic::{Request, Status};

use crate::{
    services::Services,
    world::{World, refusal, send},
};

const BATCH_GET_USERS: &str = "/chatroom.user.v1.UserService/BatchGetUsers";
const LIST_MEMBERS: &str = "/chatroom.group.v1.GroupService/ListMembers";
const SEND: &str = "/chatroom.message.v1.MessageService/SendMessage";
const LIST_MESSAGES: &str = "/chatroom.message.v1.MessageService/ListMessages";
const SYNC: &str = "/chatroom.message.v1.MessageService/SyncEvents";
const LIST_CONVERSATIONS: &str = "/chatroom.message.v1.MessageService/ListConversations";

/// `2023-08-21T04:16:53.765Z`
const TIME: Option<Timestamp> = Some(Timestamp { seconds: 1_692_591_413, nanos: 765_000_000 });

const ANN: &str = "64e2e53561a25a30db767a40";
const BEN: &str = "64e2e53561a25a30db767a41";
const GROUP: &str = "64e313309054f1bdf19707c1";
const ANN_SHOWN: &str = r#"{"_id":"64e2e53561a25a30db767a40","username":"ann","nickname":"小安","avatar":"/upload/20230821/7e23cd7207e15d29589565701.png"}"#;
const BEN_SHOWN: &str = r#"{"_id":"64e2e53561a25a30db767a41","username":"ben","nickname":"","avatar":""}"#;
const TIMES: &str = r#""createdAt":"2023-08-21T04:16:53.765Z","updatedAt":"2023-08-21T04:16:53.765Z""#;

/// What the user service has been asked, each time as a sorted list of ids.
type Asked = Arc<Mutex<Vec<Vec<String>>>>;

/// The services with a user service that knows Ann and Ben.
fn services() -> (Services, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let services = Services::default().unary(BATCH_GET_USERS, move |request: Request<BatchGetUsersRequest>| {
        assert!(request.metadata().contains_key("authorization"));
        let mut ids = request.into_inner().ids;
        ids.sort();
        noted.lock().unwrap().push(ids.clone());
        let named = |id: &String| match id.as_str() {
            ANN => Some(("ann", "小安", "/upload/20230821/7e23cd7207e15d29589565701.png")),
            BEN => Some(("ben", "", "")),
            _ => None,
        };
        let users = ids.iter().filter_map(|id| {
            let (username, nickname, avatar) = named(id)?;
            Some(User {
                id: id.clone(),
                username: username.to_owned(),
                nickname: nickname.to_owned(),
                avatar: avatar.to_owned(),
                ..User::default()
            })
        });
        Ok(BatchGetUsersResponse { users: users.collect() })
    });
    (services, asked)
}

fn said(said: Said) -> Content {
    Content { content: Some(said) }
}

/// What Ann said at `seq`.
fn message(seq: i64) -> Message {
    Message {
        id: "64e3142a9054f1bdf19707d2".to_owned(),
        group: GROUP.to_owned(),
        seq,
        user: ANN.to_owned(),
        client_id: "c-1".to_owned(),
        kind: MessageKind::Text.into(),
        content: Some(said(Said::Text("你好".to_owned()))),
        create_time: TIME,
        update_time: TIME,
        ..Message::default()
    }
}

fn message_shown(seq: i64) -> String {
    format!(
        r#"{{"_id":"64e3142a9054f1bdf19707d2","group":"{GROUP}","seq":{seq},"user":{ANN_SHOWN},"clientId":"c-1","kind":"text","content":{{"text":"你好"}},"replyTo":null,"mentions":[],"recalled":false,"editedAt":null,"__v":0,{TIMES}}}"#
    )
}

fn success(data: &str) -> String {
    format!(r#"{{"data":{data},"msg":"success","code":200}}"#)
}

async fn get(world: &World, path: &str) -> String {
    let response = send(world.signed_in(Method::GET, path)).await;
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

/// A world whose history has `messages`.
async fn history(services: Services, messages: Vec<Message>) -> World {
    let services = services.unary(LIST_MESSAGES, move |_: Request<ListMessagesRequest>| {
        Ok(ListMessagesResponse {
            messages: messages.clone(),
            before: Some(7),
            after: None,
            epoch: "5c6f7a0e".to_owned(),
        })
    });
    World::new(services).await
}

#[tokio::test]
async fn a_message_says_everything_about_itself() {
    let attachment = Attachment {
        path: "/upload/20230821/7e23cd7207e15d29589565702.png".to_owned(),
        name: "猫.png".to_owned(),
        size: 100,
        width: Some(64),
        height: None,
    };
    let picture = Message {
        kind: MessageKind::Image.into(),
        content: Some(said(Said::Image(attachment))),
        reply_to: Some(Reply {
            id: "64e3142a9054f1bdf19707d1".to_owned(),
            seq: 6,
            user: BEN.to_owned(),
            kind: MessageKind::Text.into(),
            content: Some(said(Said::Text("在吗".to_owned()))),
            ..Reply::default()
        }),
        mentions: vec![BEN.to_owned()],
        mention_all: true,
        edit_time: TIME,
        version: 1,
        ..message(8)
    };
    let recalled = Message { content: None, version: 1, ..message(9) };
    let (services, asked) = services();
    let world = history(services, vec![picture, recalled]).await;
    let answer = get(&world, &format!("/h5/message?group={GROUP}")).await;
    let picture = format!(
        r#"{{"_id":"64e3142a9054f1bdf19707d2","group":"{GROUP}","seq":8,"user":{ANN_SHOWN},"clientId":"c-1","kind":"image","content":{{"path":"/upload/20230821/7e23cd7207e15d29589565702.png","name":"猫.png","size":100,"width":64,"height":null}},"replyTo":{{"_id":"64e3142a9054f1bdf19707d1","seq":6,"user":{BEN_SHOWN},"kind":"text","content":{{"text":"在吗"}},"recalled":false}},"mentions":["all","{BEN}"],"recalled":false,"editedAt":"2023-08-21T04:16:53.765Z","__v":1,{TIMES}}}"#
    );
    let recalled = message_shown(9)
        .replace(r#""content":{"text":"你好"}"#, r#""content":null"#)
        .replace(r#""recalled":false"#, r#""recalled":true"#)
        .replace(r#""__v":0"#, r#""__v":1"#);
    let expected = format!(r#"{{"messages":[{picture},{recalled}],"before":7,"after":null,"epoch":"5c6f7a0e"}}"#);
    assert_eq!(answer, success(&expected));
    assert_eq!(*asked.lock().unwrap(), [[ANN, BEN]], "everyone in one call, each once");
}

#[tokio::test]
async fn people_are_remembered_and_nobody_waits_for_a_name() {
    let (services, asked) = services();
    let stranger = Message { user: "64e2e53561a25a30db767a42".to_owned(), ..message(2) };
    let world = history(services, vec![message(1), stranger]).await;
    for _ in 0..3 {
        let answer: Value = serde_json::from_str(&get(&world, &format!("/h5/message?group={GROUP}")).await).unwrap();
        let names = |index: usize| answer["data"]["messages"][index]["user"].clone();
        assert_eq!(names(0)["nickname"], "小安");
        assert_eq!(
            names(1),
            json!({"_id": "64e2e53561a25a30db767a42", "username": "", "nickname": "", "avatar": ""}),
            "somebody without an account is shown all the same"
        );
    }
    assert_eq!(asked.lock().unwrap().iter().filter(|ids| ids.contains(&ANN.to_owned())).count(), 1);

    let failing = Services::default().unary(
        BATCH_GET_USERS,
        |_: Request<BatchGetUsersRequest>| -> Result<BatchGetUsersResponse, Status> {
            Err(Status::unavailable("gone"))
        },
    );
    let world = history(failing, vec![message(1)]).await;
    let answer = get(&world, &format!("/h5/message?group={GROUP}")).await;
    assert!(answer.contains("你好"), "{answer}");
}

#[tokio::test]
async fn a_service_is_named_as_its_messages_sender() {
    let notice = Message {
        user: String::new(),
        service: "order-bot".to_owned(),
        kind: MessageKind::System.into(),
        content: Some(said(Said::System("订单已发货".to_owned()))),
        ..message(3)
    };
    let (services, asked) = services();
    let world = history(services, vec![notice]).await;
    let answer: Value = serde_json::from_str(&get(&world, &format!("/h5/message?group={GROUP}")).await).unwrap();
    let shown = &answer["data"]["messages"][0];
    assert_eq!(shown["user"], json!({"_id": "", "username": "order-bot", "nickname": "", "avatar": ""}));
    assert_eq!((&shown["kind"], &shown["content"]), (&json!("system"), &json!({"text": "订单已发货"})));
    assert!(asked.lock().unwrap().is_empty(), "a service has no account");
}

#[tokio::test]
async fn history_goes_either_way_and_not_both() {
    let pages = Arc::new(Mutex::new(Vec::new()));
    let noted = pages.clone();
    let services = Services::default().unary(LIST_MESSAGES, move |request: Request<ListMessagesRequest>| {
        let ListMessagesRequest { group, page, page_size } = request.into_inner();
        assert_eq!(group, GROUP);
        noted.lock().unwrap().push((page, page_size));
        Ok(ListMessagesResponse::default())
    });
    let world = World::new(services).await;
    for query in ["", "&before=9&limit=200", "&after=0&limit=1"] {
        get(&world, &format!("/h5/message?group={GROUP}{query}")).await;
    }
    let expected = [(None, 50), (Some(Page::Before(9)), 200), (Some(Page::After(0)), 1)];
    assert_eq!(*pages.lock().unwrap(), expected);
    for (query, named) in [
        ("group=g&before=1&after=1", "before"),
        ("group=g&limit=0", "limit"),
        ("group=g&limit=201", "limit"),
        ("group=g&limit=ten", "limit"),
        ("group=g&before=1&before=2", "before"),
        ("before=1", "group"),
    ] {
        let (status, reason, msg) = refusal(world.signed_in(Method::GET, &format!("/h5/message?{query}"))).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"), "{query}");
        assert!(msg.contains(named), "{query}: {msg}");
    }
}

#[tokio::test]
async fn every_kind_of_event() {
    let touched = || MessageChanged { message: Some(message(1)), by: BEN.to_owned() };
    let (user, by) = (ANN.to_owned(), BEN.to_owned());
    let shown = message_shown(1);
    let changes = [
        (Change::Message(message(1)), format!(r#""kind":"message","message":{shown}"#)),
        (Change::Edited(touched()), format!(r#""kind":"edited","message":{shown},"by":{BEN_SHOWN}"#)),
        (Change::Recalled(touched()), format!(r#""kind":"recalled","message":{shown},"by":{BEN_SHOWN}"#)),
        (
            Change::Joined(MemberJoined { user: user.clone(), role: MemberRole::Admin.into() }),
            format!(r#""kind":"joined","user":{ANN_SHOWN},"role":1"#),
        ),
        (Change::Left(MemberLeft { user: user.clone() }), format!(r#""kind":"left","user":{ANN_SHOWN}"#)),
        (
            Change::Removed(MemberRemoved { user: user.clone(), by: by.clone(), ban: true }),
            format!(r#""kind":"removed","user":{ANN_SHOWN},"by":{BEN_SHOWN},"ban":true"#),
        ),
        (
            Change::Muted(MemberMuted { user: user.clone(), by: by.clone(), until: TIME }),
            format!(r#""kind":"muted","user":{ANN_SHOWN},"by":{BEN_SHOWN},"until":"2023-08-21T04:16:53.765Z""#),
        ),
        (
            Change::Muted(MemberMuted { user: user.clone(), by: by.clone(), until: None }),
            format!(r#""kind":"muted","user":{ANN_SHOWN},"by":{BEN_SHOWN},"until":null"#),
        ),
        (
            Change::Role(RoleChanged { user, by: by.clone(), role: MemberRole::Owner.into() }),
            format!(r#""kind":"role","user":{ANN_SHOWN},"by":{BEN_SHOWN},"role":2"#),
        ),
        (
            Change::GroupUpdated(GroupUpdated { by: by.clone(), name: "群".to_owned(), icon: "i".to_owned() }),
            format!(r#""kind":"groupUpdated","by":{BEN_SHOWN},"name":"群","icon":"i""#),
        ),
        (
            Change::GroupMuted(GroupMuted { by: by.clone(), muted: true }),
            format!(r#""kind":"groupMuted","by":{BEN_SHOWN},"muted":true"#),
        ),
        (Change::Dismissed(GroupDismissed { by }), format!(r#""kind":"dismissed","by":{BEN_SHOWN}"#)),
    ];
    let event =
        |change| Event { group: GROUP.to_owned(), epoch: "5c6f7a0e".to_owned(), seq: 5, create_time: TIME, change };
    // One that a newer service knows.
    let unknown = (None, r#""kind":"unknown""#.to_owned());
    let (changes, expected): (Vec<_>, Vec<_>) =
        changes.into_iter().map(|(change, shown)| (Some(change), shown)).chain([unknown]).unzip();
    let events: Vec<_> = changes.into_iter().map(event).collect();
    let (services, asked) = services();
    let services = services.unary(SYNC, move |request: Request<SyncEventsRequest>| {
        let known =
            SyncEventsRequest { group: GROUP.to_owned(), after: 4, epoch: "5c6f7a0e".to_owned(), page_size: 200 };
        assert_eq!(request.into_inner(), known);
        Ok(SyncEventsResponse { events: events.clone(), head_seq: 9, epoch: "5c6f7a0e".to_owned(), more: true })
    });
    let world = World::new(services).await;
    let answer = get(&world, &format!("/h5/message/sync?group={GROUP}&after=4&epoch=5c6f7a0e")).await;
    let events = expected.iter().map(|change| {
        format!(r#"{{"group":"{GROUP}","epoch":"5c6f7a0e","seq":5,"createdAt":"2023-08-21T04:16:53.765Z",{change}}}"#)
    });
    let events = events.collect::<Vec<_>>().join(",");
    assert_eq!(answer, success(&format!(r#"{{"events":[{events}],"headSeq":9,"epoch":"5c6f7a0e","more":true}}"#)));
    assert_eq!(asked.lock().unwrap().len(), 1, "one look-up for all of them");
}

#[tokio::test]
async fn a_message_is_sent_as_it_is_described() {
    let (services, _) = services();
    let sent = Arc::new(Mutex::new(Vec::new()));
    let noted = sent.clone();
    let services = services.unary(SEND, move |request: Request<SendMessageRequest>| {
        noted.lock().unwrap().push(request.into_inner());
        Ok(SendMessageResponse { message: Some(message(1)), duplicate: false })
    });
    let world = World::new(services).await;
    let text = json!({"group": GROUP, "clientId": "c-1", "kind": "text", "content": {"text": "你好"}});
    let file = json!({
        "group": GROUP, "clientId": "c-2", "kind": "file", "mentions": ["all", BEN],
        "replyTo": "64e3142a9054f1bdf19707d1", "content": {"path": "p", "name": "n", "size": 1, "width": null},
    });
    for body in [&text, &file] {
        let response = send(world.signed_in(Method::POST, "/h5/message").json(body)).await;
        assert_eq!(response.text().await.unwrap(), success(&message_shown(1)));
    }
    let attachment = Attachment { path: "p".to_owned(), name: "n".to_owned(), size: 1, width: None, height: None };
    let expected = [
        SendMessageRequest {
            group: GROUP.to_owned(),
            client_id: "c-1".to_owned(),
            content: Some(said(Said::Text("你好".to_owned()))),
            ..SendMessageRequest::default()
        },
        SendMessageRequest {
            group: GROUP.to_owned(),
            client_id: "c-2".to_owned(),
            content: Some(said(Said::File(attachment))),
            reply_to: "64e3142a9054f1bdf19707d1".to_owned(),
            mentions: vec!["all".to_owned(), BEN.to_owned()],
        },
    ];
    assert_eq!(*sent.lock().unwrap(), expected);
    for (field, wrong, named) in [
        ("kind", json!("system"), "kind"),
        ("kind", json!("video"), "kind"),
        ("kind", json!("image"), "content.path"),
        ("content", json!({}), "content.text"),
        ("content", json!({"text": 1}), "content.text"),
        ("content", json!("你好"), "content"),
        ("content", json!(["你好"]), "content"),
        ("mentions", json!("all"), "mentions"),
        ("mentions", json!([1]), "mentions"),
        ("replyTo", json!(""), "replyTo"),
    ] {
        let mut body = text.clone();
        body[field] = wrong;
        let (status, reason, msg) = refusal(world.signed_in(Method::POST, "/h5/message").json(&body)).await;
        assert_eq!((status, &*reason), (400, "INVALID_ARGUMENT"), "{body}");
        assert!(msg.contains(&format!("字段 {named} ")), "{body}: {msg}");
    }
}

fn member() -> Member {
    Member {
        id: "64e3136b9054f1bdf19707c9".to_owned(),
        user: ANN.to_owned(),
        group: GROUP.to_owned(),
        role: MemberRole::Owner.into(),
        mute_until: TIME,
        version: 2,
        create_time: TIME,
        update_time: TIME,
    }
}

#[tokio::test]
async fn members_have_names() {
    let (services, _) = services();
    let services = services.unary(LIST_MEMBERS, |request: Request<ListMembersRequest>| {
        let asked = request.into_inner();
        assert_eq!((asked.page_size, &*asked.page_token), (2, "1.a"));
        Ok(ListMembersResponse { members: vec![member()], next_page_token: "2.b".to_owned() })
    });
    let world = World::new(services).await;
    let answer = get(&world, &format!("/h5/group/members?group={GROUP}&limit=2&after=1.a")).await;
    let member = format!(
        r#"{{"user":{ANN_SHOWN},"group":"{GROUP}","role":2,"muteUntil":"2023-08-21T04:16:53.765Z","_id":"64e3136b9054f1bdf19707c9","__v":2,{TIMES}}}"#
    );
    assert_eq!(answer, success(&format!(r#"{{"members":[{member}],"after":"2.b"}}"#)));
}

#[tokio::test]
async fn a_conversation_shows_its_last_message_and_what_is_unread() {
    let (services, _) = services();
    let services = services.unary(LIST_CONVERSATIONS, |_: Request<ListConversationsRequest>| {
        let group = Group {
            id: GROUP.to_owned(),
            user: ANN.to_owned(),
            merchant: "64e2ee287afb0737f092ff9b".to_owned(),
            name: "小黑子的世界".to_owned(),
            icon: "https://img.example/59024.jpg".to_owned(),
            create_time: TIME,
            update_time: TIME,
            kind: GroupKind::Service.into(),
            member_count: 2,
            ..Group::default()
        };
        let conversation = Conversation {
            group: Some(group),
            member: Some(Member { mute_until: None, role: MemberRole::Member.into(), ..member() }),
            last_message: Some(message(5)),
            epoch: "5c6f7a0e".to_owned(),
            head_seq: 6,
            read_seq: 4,
            unread: 1,
        };
        Ok(ListConversationsResponse { conversations: vec![conversation], next_page_token: String::new() })
    });
    let world = World::new(services).await;
    let group = format!(
        r#"{{"user":"{ANN}","merchant":"64e2ee287afb0737f092ff9b","name":"小黑子的世界","icon":"https://img.example/59024.jpg","_id":"{GROUP}","__v":0,{TIMES},"kind":"service","memberCount":2,"muted":false,"dismissedAt":null}}"#
    );
    let conversation = format!(
        r#"{{"group":{group},"lastMessage":{},"headSeq":6,"readSeq":4,"unread":1,"epoch":"5c6f7a0e","role":0,"muteUntil":null}}"#,
        message_shown(5)
    );
    let answer = get(&world, "/h5/conversation").await;
    assert_eq!(answer, success(&format!(r#"{{"conversations":[{conversation}],"after":null}}"#)));
}
