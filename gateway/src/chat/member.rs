//! Members as clients see them.

use chatroom_proto::group::v1::{self as proto, MemberRole};
use serde::Serialize;
use utoipa::ToSchema;

use super::people::{People, Person};
use crate::value::{Id, Time};

/// Someone in a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member<'a> {
    user: Person<'a>,
    group: Id<'a>,
    /// 2 the owner, 1 an admin, 0 anybody else.
    role: u8,
    /// Until when they may not speak, which may have passed; null where they may.
    mute_until: Option<Time>,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    /// When they joined.
    created_at: Time,
    updated_at: Time,
}

impl<'a> Member<'a> {
    /// The member, looked up in `people`.
    pub(crate) fn of(member: &'a proto::Member, people: &'a People) -> Self {
        let Membership { group, role, mute_until, id, version, created_at, updated_at, .. } = member.into();
        Self { user: people.person(&member.user), group, role, mute_until, id, version, created_at, updated_at }
    }
}

/// That someone is in a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Membership<'a> {
    user: Id<'a>,
    group: Id<'a>,
    /// 2 the owner, 1 an admin, 0 anybody else.
    role: u8,
    /// Until when they may not speak, which may have passed; null where they may.
    mute_until: Option<Time>,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    /// When they joined.
    created_at: Time,
    updated_at: Time,
}

impl<'a> From<&'a proto::Member> for Membership<'a> {
    fn from(member: &'a proto::Member) -> Self {
        Self {
            user: Id(&member.user),
            group: Id(&member.group),
            role: rank(member.role()),
            mute_until: member.mute_until.map(Time::from),
            id: Id(&member.id),
            version: member.version,
            created_at: member.create_time.into(),
            updated_at: member.update_time.into(),
        }
    }
}

/// A member's role as the API numbers it: 2 the owner, 1 an admin, 0 anybody else.
pub(crate) fn rank(role: MemberRole) -> u8 {
    match role {
        MemberRole::Owner => 2,
        MemberRole::Admin => 1,
        MemberRole::Member | MemberRole::Unspecified => 0,
    }
}
