//! Group chats: their members, messages and events, and the rules among them. Pure: no storage, no network, no clock.

mod batch;
mod conduct;
mod conversation;
mod event;
mod group;
mod member;
mod message;
mod network;
mod plain;
mod refusal;
mod search;
mod webhook;
mod words;

pub use batch::{Known, Place, Standing, Verdict, judge};
pub use conduct::{
    Action, ActionId, ActionKind, ActionMark, BLOCKS_MAX, Block, ListedReport, NewReport, Remark, Report, ReportId,
    ReportKind,
};
pub use conversation::{Conversation, ReadCursor, unread};
pub use event::{Change, Event};
pub use group::{Contact, GROUPS_MAX, Group, GroupKind, GroupPatch, Head, ListedGroup, NewGroup};
pub use member::{Access, Member, MemberId, MemberKind, Role, must_outrank, must_own, mute_until};
pub use message::{
    Attachment, ClientId, Content, Draft, Kind, Mentions, Message, MessageId, Page, Reply, Sender, edit_refusal,
    recall_refusal,
};
pub use network::is_public;
pub use refusal::Refusal;
pub use search::{Query, Terms, terms};
pub use webhook::{Delivery, NewWebhook, Secret, WEBHOOKS_MAX, Webhook, WebhookId, WebhookUrl, leads_outside, pause};
pub use words::{Filtered, WordFilter, WordList, WordMode};
