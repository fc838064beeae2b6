//! Who may call what: every RPC by everyone, each in a group of its own.

use std::time::Duration;

use chatroom_kit::{
    ids::{MerchantId, UserId},
    on_both_engines,
    testing::Tokens,
    wire,
};
use chatroom_proto::{
    group::v1::{
        CreateGroupRequest, DismissGroupRequest, GetGroupRequest, JoinGroupRequest, LeaveGroupRequest,
        ListGroupsRequest, ListMembersRequest, MuteGroupRequest, MuteMemberRequest, RemoveMemberRequest,
        SetAdminRequest, UpdateGroupRequest,
    },
    message::v1::{
        CheckGroupsRequest, EditMessageRequest, ListConversationsRequest, ListMessagesRequest, MarkReadRequest,
        OpenContactRequest, ReadEventsRequest, RecallMessageRequest, SearchMessagesRequest, SendSystemMessageRequest,
        SyncEventsRequest,
    },
};
use tonic::Request;

use crate::world::{World, open, outcome, send_request, words};

on_both_engines!(everyone_may_do_what_the_contract_says);

/// Someone who calls.
#[derive(Clone, Copy, Debug)]
enum Actor {
    Anonymous,
    Service,
    /// Signed in, and that is all.
    Stranger,
    /// Has joined the page, not the group.
    PageMember,
    Member,
    /// The page's customer-service user.
    Admin,
    /// The page's creator.
    Owner,
}

const ACTORS: [Actor; 7] =
    [Actor::Anonymous, Actor::Service, Actor::Stranger, Actor::PageMember, Actor::Member, Actor::Admin, Actor::Owner];

/// What is called. Where it is about someone, that is another ordinary member.
#[derive(Clone, Copy, Debug)]
enum Call {
    CreateGroup,
    ListGroups,
    GetGroup,
    JoinGroup,
    LeaveGroup,
    ListMembers,
    RemoveMember,
    MuteMember,
    SetAdmin,
    MuteGroup,
    UpdateGroup,
    DismissGroup,
    SendMessage,
    SendSystemMessage,
    ListMessages,
    SearchMessages,
    SyncEvents,
    MarkRead,
    RecallMessage,
    EditMessage,
    ListConversations,
    OpenContact,
    ReadEvents,
    CheckGroups,
}

const NONE: &str = "UNAUTHENTICATED";
const OK: &str = "ok";
const OUTSIDE: &str = "NOT_GROUP_MEMBER";
const LOW: &str = "ROLE_TOO_LOW";

/// For each call, what each actor gets, in the order of [`ACTORS`].
const EXPECTED: [(Call, [&str; 7]); 24] = [
    (
        Call::CreateGroup,
        [NONE, NONE, "NOT_MERCHANT_OWNER", "NOT_MERCHANT_OWNER", "NOT_MERCHANT_OWNER", "NOT_MERCHANT_OWNER", OK],
    ),
    (Call::ListGroups, [NONE, NONE, OK, OK, OK, OK, OK]),
    (Call::GetGroup, [NONE, NONE, OK, OK, OK, OK, OK]),
    (Call::JoinGroup, [NONE, NONE, "NOT_PAGE_MEMBER", OK, OK, OK, OK]),
    (Call::LeaveGroup, [NONE, NONE, OK, OK, OK, OK, "OWNER_CANNOT_LEAVE"]),
    (Call::ListMembers, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::RemoveMember, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, OK, OK]),
    (Call::MuteMember, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, OK, OK]),
    (Call::SetAdmin, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, LOW, OK]),
    (Call::MuteGroup, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, OK, OK]),
    (Call::UpdateGroup, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, LOW, OK]),
    (Call::DismissGroup, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, LOW, OK]),
    (Call::SendMessage, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::SendSystemMessage, [NONE, OK, NONE, NONE, NONE, NONE, NONE]),
    (Call::ListMessages, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::SearchMessages, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::SyncEvents, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::MarkRead, [NONE, NONE, OUTSIDE, OUTSIDE, OK, OK, OK]),
    (Call::RecallMessage, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, OK, OK]),
    (Call::EditMessage, [NONE, NONE, OUTSIDE, OUTSIDE, LOW, LOW, LOW]),
    (Call::ListConversations, [NONE, NONE, OK, OK, OK, OK, OK]),
    (Call::OpenContact, [NONE, NONE, "NOT_PAGE_MEMBER", OK, OK, "CONTACT_SELF", OK]),
    (Call::ReadEvents, [NONE, OK, NONE, NONE, NONE, NONE, NONE]),
    (Call::CheckGroups, [NONE, OK, NONE, NONE, NONE, NONE, NONE]),
];

/// A page and a group of it, with people in every position.
struct Scene {
    merchant: MerchantId,
    group: String,
    /// Another ordinary member.
    other: UserId,
    /// What that member has said.
    message: String,
    stranger: UserId,
    page_member: UserId,
    member: UserId,
    admin: UserId,
    owner: UserId,
}

async fn scene(world: &World) -> Scene {
    let [other, stranger, page_member, member, admin, owner] = std::array::from_fn(|_| UserId::new());
    let merchant = world.pages.open(owner, admin);
    world.pages.serve(merchant);
    world.pages.join(merchant, page_member);
    let group = world.group(merchant, owner).await;
    for user in [other, member, admin] {
        world.join(merchant, &group, user).await;
    }
    let message = world.say(&group, other, "first", "你好，世界").await.id;
    Scene { merchant, group, other, message, stranger, page_member, member, admin, owner }
}

async fn everyone_may_do_what_the_contract_says(world: World) {
    for (call, expected) in EXPECTED {
        for (actor, expected) in ACTORS.into_iter().zip(expected) {
            let scene = scene(&world).await;
            assert_eq!(call.made_by(actor, &world, &scene).await, expected, "{call:?} by {actor:?}");
        }
    }
}

impl Actor {
    fn request<T>(self, world: &World, scene: &Scene, message: T) -> Request<T> {
        let user = match self {
            Self::Anonymous => return Request::new(message),
            Self::Service => return Tokens::request(&world.tokens.service("gateway"), message),
            Self::Stranger => scene.stranger,
            Self::PageMember => scene.page_member,
            Self::Member => scene.member,
            Self::Admin => scene.admin,
            Self::Owner => scene.owner,
        };
        Tokens::request(&world.tokens.user(user), message)
    }
}

impl Call {
    async fn made_by(self, actor: Actor, world: &World, scene: &Scene) -> String {
        let (mut groups, mut messages) = (world.groups.clone(), world.messages.clone());
        let (group, user) = (scene.group.clone(), scene.other.to_string());
        let (merchant, message) = (scene.merchant.to_string(), scene.message.clone());
        macro_rules! by_actor {
            ($client:ident.$method:ident($request:expr)) => {
                outcome(&$client.$method(actor.request(world, scene, $request)).await)
            };
        }
        match self {
            Self::CreateGroup => {
                let (name, icon) = ("群".to_owned(), "https://img.example/1.jpg".to_owned());
                by_actor!(groups.create_group(CreateGroupRequest { merchant, name, icon, request_id: String::new() }))
            }
            Self::ListGroups => {
                by_actor!(groups.list_groups(ListGroupsRequest { merchant, ..ListGroupsRequest::default() }))
            }
            Self::GetGroup => by_actor!(groups.get_group(GetGroupRequest { group })),
            Self::JoinGroup => by_actor!(groups.join_group(JoinGroupRequest { group })),
            Self::LeaveGroup => by_actor!(groups.leave_group(LeaveGroupRequest { group })),
            Self::ListMembers => {
                by_actor!(groups.list_members(ListMembersRequest { group, ..ListMembersRequest::default() }))
            }
            Self::RemoveMember => {
                by_actor!(groups.remove_member(RemoveMemberRequest { group, user, ban: false }))
            }
            Self::MuteMember => {
                let until = Some(wire::timestamp(world.clock.now() + Duration::from_mins(1)));
                by_actor!(groups.mute_member(MuteMemberRequest { group, user, until }))
            }
            Self::SetAdmin => by_actor!(groups.set_admin(SetAdminRequest { group, user, admin: true })),
            Self::MuteGroup => by_actor!(groups.mute_group(MuteGroupRequest { group, muted: true })),
            Self::UpdateGroup => {
                let name = Some("新名字".to_owned());
                by_actor!(groups.update_group(UpdateGroupRequest { group, name, icon: None }))
            }
            Self::DismissGroup => by_actor!(groups.dismiss_group(DismissGroupRequest { group })),
            Self::SendMessage => by_actor!(messages.send_message(send_request(&group, "second", "你好"))),
            Self::SendSystemMessage => {
                let (client_id, text) = ("order-1".to_owned(), "订单已发货".to_owned());
                by_actor!(messages.send_system_message(SendSystemMessageRequest { group, client_id, text }))
            }
            Self::ListMessages => {
                by_actor!(messages.list_messages(ListMessagesRequest { group, ..ListMessagesRequest::default() }))
            }
            Self::SearchMessages => {
                let request =
                    SearchMessagesRequest { group, query: "世界".to_owned(), ..SearchMessagesRequest::default() };
                by_actor!(messages.search_messages(request))
            }
            Self::SyncEvents => {
                by_actor!(messages.sync_events(SyncEventsRequest { group, ..SyncEventsRequest::default() }))
            }
            Self::MarkRead => by_actor!(messages.mark_read(MarkReadRequest { group, seq: 1 })),
            Self::RecallMessage => by_actor!(messages.recall_message(RecallMessageRequest { message })),
            Self::EditMessage => {
                by_actor!(messages.edit_message(EditMessageRequest { message, content: Some(words("别的")) }))
            }
            Self::ListConversations => {
                by_actor!(messages.list_conversations(ListConversationsRequest::default()))
            }
            Self::OpenContact => by_actor!(messages.open_contact(OpenContactRequest { merchant })),
            Self::ReadEvents => {
                by_actor!(messages.read_events(ReadEventsRequest { group, ..ReadEventsRequest::default() }))
            }
            Self::CheckGroups => by_actor!(messages.check_groups(CheckGroupsRequest::default())),
        }
    }
}
