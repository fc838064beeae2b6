//! Domain values as protobuf writes them.

use chatroom_kit::wire;
use chatroom_proto::user::v1::{self as proto, account_change::Change};
use chrono::{DateTime, Utc};

use crate::domain::{Account, AccountChange, Changed, Deed, DeedKind, Deletion, Role, User};

pub(super) fn user(user: User) -> proto::User {
    proto::User {
        id: user.id.to_string(),
        username: user.username,
        nickname: user.nickname,
        avatar: user.avatar,
        role: role(user.role).into(),
        deleted: user.deleted,
        version: user.version,
        create_time: Some(wire::timestamp(user.created_at)),
        update_time: Some(wire::timestamp(user.updated_at)),
    }
}

fn role(role: Role) -> proto::Role {
    match role {
        Role::User => proto::Role::User,
        Role::Administrator => proto::Role::Administrator,
    }
}

pub(super) fn account(account: Account) -> proto::Account {
    proto::Account { user: Some(user(account.user)), disable_time: account.disabled_at.map(wire::timestamp) }
}

pub(super) fn deed(deed: &Deed) -> proto::Deed {
    let kind = match deed.kind {
        DeedKind::Disabled => proto::DeedKind::Disabled,
        DeedKind::Enabled => proto::DeedKind::Enabled,
        DeedKind::SessionsEnded => proto::DeedKind::SessionsEnded,
        DeedKind::AdministratorMade => proto::DeedKind::AdministratorMade,
        DeedKind::AdministratorUnmade => proto::DeedKind::AdministratorUnmade,
        DeedKind::Deleted => proto::DeedKind::Deleted,
    };
    proto::Deed {
        id: deed.id.to_string(),
        kind: kind.into(),
        by: deed.by.map(|by| by.to_string()).unwrap_or_default(),
        user: deed.user.to_string(),
        create_time: Some(wire::timestamp(deed.created_at)),
    }
}

pub(super) fn deletion(deletion: Deletion, now: DateTime<Utc>) -> proto::Deletion {
    proto::Deletion {
        user: deletion.user.to_string(),
        erase_messages: deletion.erase_messages,
        settled: deletion.is_settled(now),
        avatar: deletion.avatar,
    }
}

pub(super) fn change(change: AccountChange) -> proto::AccountChange {
    proto::AccountChange {
        user: change.user.to_string(),
        expire_time: Some(wire::timestamp(change.expires_at)),
        change: Some(match change.what {
            Changed::SessionEnded(id) => Change::SessionEnded(id),
            Changed::LeastGeneration(generation) => Change::LeastGeneration(generation),
            Changed::Profile => Change::Profile(proto::ProfileChange {}),
        }),
    }
}
