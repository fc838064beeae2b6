//! A group as those in it see it.

use chatroom_proto::group::v1::{self as proto, GroupKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::value::{Id, Time};

/// A group as those in it see it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group<'a> {
    /// Its creator; of a customer-service conversation, the page's member.
    user: Id<'a>,
    /// The page it belongs to.
    merchant: Id<'a>,
    #[schema(example = "小黑子的世界")]
    name: &'a str,
    icon: &'a str,
    #[serde(rename = "_id")]
    id: Id<'a>,
    /// How often the record has been changed.
    #[serde(rename = "__v")]
    version: i32,
    created_at: Time,
    updated_at: Time,
    kind: Purpose,
    /// How many members it has.
    #[schema(minimum = 0, example = 128)]
    member_count: i32,
    /// Whether only owner and admins may speak.
    muted: bool,
    /// When it was dismissed; null where it was not.
    dismissed_at: Option<Time>,
}

/// What a group is for.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Purpose {
    /// A group chat of a page.
    Chat,
    /// The private conversation of one of the page's members with its customer service.
    Service,
}

impl<'a> From<&'a proto::Group> for Group<'a> {
    fn from(group: &'a proto::Group) -> Self {
        Self {
            user: Id(&group.user),
            merchant: Id(&group.merchant),
            name: &group.name,
            icon: &group.icon,
            id: Id(&group.id),
            version: group.version,
            created_at: group.create_time.into(),
            updated_at: group.update_time.into(),
            kind: group.kind().into(),
            member_count: group.member_count,
            muted: group.muted,
            dismissed_at: group.dismiss_time.map(Time::from),
        }
    }
}

impl From<GroupKind> for Purpose {
    fn from(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Chat | GroupKind::Unspecified => Self::Chat,
            GroupKind::Service => Self::Service,
        }
    }
}
