//! Domain values as the contract writes them, and how much of a list one answer takes.

use chatroom_kit::wire;
use chatroom_proto::{
    group::v1::{self as group_proto, GroupKind as ProtoGroupKind, MemberRole},
    message::v1::{self as proto, MessageKind, content::Content as ProtoContent, event::Change as ProtoChange},
};

use crate::domain::{
    Attachment, Change, Content, Conversation, Event, Group, GroupKind, Kind, ListedGroup, Member, Message, Reply,
    Role, Sender,
};

/// How many bytes of messages one answer carries before it leaves the rest to the next: a client takes 4 MiB.
const ANSWER_BYTES: usize = 1 << 20;
/// About what a message takes beside its words.
const MESSAGE_BYTES: usize = 600;

/// How many of these messages, the first in any case, fit into one answer.
pub(super) fn fitting<'a>(messages: impl Iterator<Item = Option<&'a Message>>) -> usize {
    let mut bytes = 0;
    let fitting = messages.take_while(|message| {
        let words = message.and_then(|message| message.content.as_ref()).map_or(0, |content| content.words().len());
        bytes += words + MESSAGE_BYTES;
        bytes <= ANSWER_BYTES
    });
    fitting.count().max(1)
}

/// The message that an event carries.
pub(super) fn message_of(event: &Event) -> Option<&Message> {
    match &event.change {
        Change::Message(message) | Change::Edited { message, .. } | Change::Recalled { message, .. } => Some(message),
        _ => None,
    }
}

pub(super) fn listed(listed: ListedGroup) -> group_proto::ListedGroup {
    group_proto::ListedGroup { group: Some(group(listed.group)), joined: listed.joined }
}

pub(super) fn group(group: Group) -> group_proto::Group {
    let kind = match group.kind {
        GroupKind::Chat => ProtoGroupKind::Chat,
        GroupKind::Service => ProtoGroupKind::Service,
    };
    group_proto::Group {
        id: group.id.to_string(),
        user: group.user.to_string(),
        merchant: group.merchant.to_string(),
        name: group.name,
        icon: group.icon,
        version: group.version,
        create_time: Some(wire::timestamp(group.created_at)),
        update_time: Some(wire::timestamp(group.updated_at)),
        kind: kind.into(),
        member_count: group.member_count,
        muted: group.muted,
        dismiss_time: group.dismissed_at.map(wire::timestamp),
    }
}

pub(super) fn member(member: &Member) -> group_proto::Member {
    group_proto::Member {
        id: member.id.to_string(),
        user: member.user.to_string(),
        group: member.group.to_string(),
        role: role(member.role),
        mute_until: member.mute_until.map(wire::timestamp),
        version: member.version,
        create_time: Some(wire::timestamp(member.created_at)),
        update_time: Some(wire::timestamp(member.updated_at)),
    }
}

pub(super) fn conversation(conversation: Conversation) -> proto::Conversation {
    proto::Conversation {
        group: Some(group(conversation.group)),
        member: Some(member(&conversation.member)),
        last_message: conversation.last_message.map(message),
        epoch: conversation.epoch,
        head_seq: conversation.head_seq,
        read_seq: conversation.read.seq,
        unread: conversation.read.unread,
    }
}

pub(super) fn message(message: Message) -> proto::Message {
    let (user, service) = sender(message.sender);
    proto::Message {
        id: message.id.to_string(),
        group: message.group.to_string(),
        seq: message.seq,
        user,
        service,
        client_id: message.client_id,
        kind: kind(message.kind),
        content: message.content.map(content),
        reply_to: message.reply_to.map(reply),
        mentions: message.mentions.users.iter().map(ToString::to_string).collect(),
        mention_all: message.mentions.all,
        edit_time: message.edited_at.map(wire::timestamp),
        version: message.version,
        create_time: Some(wire::timestamp(message.created_at)),
        update_time: Some(wire::timestamp(message.updated_at)),
    }
}

pub(crate) fn event(event: Event) -> proto::Event {
    proto::Event {
        group: event.group.to_string(),
        epoch: event.epoch,
        seq: event.seq,
        create_time: Some(wire::timestamp(event.created_at)),
        change: Some(change(event.change)),
    }
}

fn change(change: Change) -> ProtoChange {
    match change {
        Change::Message(said) => ProtoChange::Message(message(*said)),
        Change::Edited { message: edited, by } => {
            ProtoChange::Edited(proto::MessageChanged { message: Some(message(*edited)), by: by.to_string() })
        }
        Change::Recalled { message: recalled, by } => {
            ProtoChange::Recalled(proto::MessageChanged { message: Some(message(*recalled)), by: by.to_string() })
        }
        Change::Joined { user, role: joined } => {
            ProtoChange::Joined(proto::MemberJoined { user: user.to_string(), role: role(joined) })
        }
        Change::Left { user } => ProtoChange::Left(proto::MemberLeft { user: user.to_string() }),
        Change::Removed { user, by, ban } => {
            ProtoChange::Removed(proto::MemberRemoved { user: user.to_string(), by: by.to_string(), ban })
        }
        Change::Muted { user, by, until } => ProtoChange::Muted(proto::MemberMuted {
            user: user.to_string(),
            by: by.to_string(),
            until: until.map(wire::timestamp),
        }),
        Change::RoleSet { user, by, role: set } => {
            ProtoChange::Role(proto::RoleChanged { user: user.to_string(), by: by.to_string(), role: role(set) })
        }
        Change::GroupUpdated { by, name, icon } => {
            ProtoChange::GroupUpdated(proto::GroupUpdated { by: by.to_string(), name, icon })
        }
        Change::GroupMuted { by, muted } => ProtoChange::GroupMuted(proto::GroupMuted { by: by.to_string(), muted }),
        Change::Dismissed { by } => ProtoChange::Dismissed(proto::GroupDismissed { by: by.to_string() }),
    }
}

fn reply(reply: Reply) -> proto::Reply {
    let (user, service) = sender(reply.sender);
    proto::Reply {
        id: reply.id.to_string(),
        seq: reply.seq,
        user,
        service,
        kind: kind(reply.kind),
        content: reply.content.map(content),
    }
}

/// The user and the service, one of them empty.
fn sender(sender: Sender) -> (String, String) {
    match sender {
        Sender::User(id) => (id.to_string(), String::new()),
        Sender::Service(name) => (String::new(), name),
    }
}

fn content(content: Content) -> proto::Content {
    let content = match content {
        Content::Text(text) => ProtoContent::Text(text),
        Content::Image(image) => ProtoContent::Image(attachment(image)),
        Content::File(file) => ProtoContent::File(attachment(file)),
        Content::System(text) => ProtoContent::System(text),
    };
    proto::Content { content: Some(content) }
}

fn attachment(attachment: Attachment) -> proto::Attachment {
    proto::Attachment {
        path: attachment.path,
        name: attachment.name,
        size: attachment.size,
        width: attachment.width,
        height: attachment.height,
    }
}

fn kind(kind: Kind) -> i32 {
    match kind {
        Kind::Text => MessageKind::Text,
        Kind::Image => MessageKind::Image,
        Kind::File => MessageKind::File,
        Kind::System => MessageKind::System,
    }
    .into()
}

fn role(role: Role) -> i32 {
    match role {
        Role::Member => MemberRole::Member,
        Role::Admin => MemberRole::Admin,
        Role::Owner => MemberRole::Owner,
    }
    .into()
}
