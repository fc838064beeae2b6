//! Groups themselves: their record, where their sequence stands, and how lists of them go on.

use chatroom_kit::{
    fields::{DisplayName, Icon, RequestId},
    ids::{GroupId, MerchantId, UserId},
};
use chrono::{DateTime, Utc};

use super::Refusal;

/// How many groups a page may have, dismissed ones included: every one of them is listed at once.
pub const GROUPS_MAX: i64 = 2_000;

/// What a group is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    /// A group chat of a page, which the page's members may join.
    Chat,
    /// The private conversation of one of the page's members with its customer service.
    Service,
}

impl GroupKind {
    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Chat => 0,
            Self::Service => 1,
        }
    }

    /// What someone who is not in such a group is told: not even that a customer-service conversation is there.
    pub fn outsider(self) -> Refusal {
        match self {
            Self::Chat => Refusal::NotGroupMember,
            Self::Service => Refusal::GroupNotFound,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Chat),
            1 => Some(Self::Service),
            _ => None,
        }
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What it is for.
    pub kind: GroupKind,
    /// Its creator: of a service conversation, the page's member.
    pub user: UserId,
    /// The page it belongs to.
    pub merchant: MerchantId,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub icon: String,
    /// How many members it has.
    pub member_count: i32,
    /// Whether only owner and admins may speak.
    pub muted: bool,
    /// When it was dismissed, where it was.
    pub dismissed_at: Option<DateTime<Utc>>,
    /// How often it has been changed.
    pub version: i32,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

impl Group {
    /// A group that is being opened by its first member.
    pub fn opened(new: &NewGroup, now: DateTime<Utc>) -> Self {
        Self {
            id: GroupId::new(),
            kind: GroupKind::Chat,
            user: new.user,
            merchant: new.merchant,
            name: new.name.as_str().to_owned(),
            icon: new.icon.as_str().to_owned(),
            member_count: 1,
            muted: false,
            dismissed_at: None,
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }
}

/// A group as one user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// The group.
    pub group: Group,
    /// Whether that user is in it.
    pub joined: bool,
}

/// A group to be opened.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Who opens it.
    pub user: UserId,
    /// The page it will belong to.
    pub merchant: MerchantId,
    /// Its name.
    pub name: DisplayName,
    /// Its picture.
    pub icon: Icon,
    /// What the client calls the request.
    pub request_id: Option<RequestId>,
}

/// A customer-service conversation to be opened, or found.
#[derive(Clone, Debug)]
pub struct Contact {
    /// The page's member.
    pub user: UserId,
    /// The page's customer-service user.
    pub customer: UserId,
    /// The page.
    pub merchant: MerchantId,
    /// Its name.
    pub name: String,
    /// Its picture.
    pub icon: String,
}

/// What is to be changed in a group's record.
#[derive(Clone, Debug, Default)]
pub struct GroupPatch {
    /// Its new name.
    pub name: Option<DisplayName>,
    /// Its new picture.
    pub icon: Option<Icon>,
}

/// Where a group's sequence stands, read while its row is locked: what the next event or message is decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The group.
    pub group: GroupId,
    /// What it is for.
    pub kind: GroupKind,
    /// Renewed only when a database is restored: another epoch is another history.
    pub epoch: String,
    /// The last event's place in the sequence; 0 where there is none.
    pub seq: i64,
    /// How many messages there are.
    pub number: i64,
    /// The last message's place in the sequence; 0 where there is none.
    pub last_seq: i64,
    /// Whether only owner and admins may speak.
    pub muted: bool,
    /// Whether it takes nothing new any more.
    pub dismissed: bool,
}

impl Head {
    /// Takes the next place in the sequence.
    pub fn next_seq(&mut self) -> i64 {
        self.seq += 1;
        self.seq
    }

    /// A dismissed group changes no more.
    pub fn must_be_open(&self) -> Result<(), Refusal> {
        if self.dismissed { Err(Refusal::GroupDismissed) } else { Ok(()) }
    }
}
