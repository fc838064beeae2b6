//! Messages: what they may say, and until when they can be taken back or edited.

use std::fmt;

use chatroom_kit::{
    error::{Invalid, Problem},
    fields::is_upload_path,
    ids::{GroupId, Id, UserId},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::{Refusal, Role, must_outrank};

/// What a [`MessageId`] names.
pub enum MessageKind {}
/// A message's id.
pub type MessageId = Id<MessageKind>;

/// How many characters a text may have.
const TEXT_MAX: usize = 5000;
/// How many characters the name of an attachment may have.
const FILE_NAME_MAX: usize = 255;
/// How many bytes an attachment may say it has: what a JSON number holds exactly.
const SIZE_MAX: i64 = (1 << 53) - 1;
/// How many pixels a picture may say it is wide or high.
const PIXELS_MAX: i32 = 100_000;
/// How many characters a client's own id of a message may have.
const CLIENT_ID_MAX: usize = 64;
/// How many members one message may mention.
const MENTIONS_MAX: usize = 50;
/// How long a sender may take a message back.
const RECALLABLE: TimeDelta = TimeDelta::minutes(2);
/// How long a sender may edit a message.
const EDITABLE: TimeDelta = TimeDelta::minutes(15);

/// Who sent a message. Stored and compared as text.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// A user.
    User(UserId),
    /// A service, by its name: what it says is a system message.
    Service(String),
}

impl Sender {
    /// The user, where it is one.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::User(id) => Some(*id),
            Self::Service(_) => None,
        }
    }

    /// Reads what is stored.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(SERVICE) {
            Some(name) => Some(Self::Service(name.to_owned())),
            None => text.parse().ok().map(Self::User),
        }
    }
}

/// What the stored form of a service begins with: no user's id does.
const SERVICE: &str = "service:";

impl fmt::Display for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(formatter),
            Self::Service(name) => write!(formatter, "{SERVICE}{name}"),
        }
    }
}

/// What a client calls a message, so that sending it can be repeated: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientId(String);

impl ClientId {
    /// Checks the request field `clientId`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("clientId", Problem::Missing));
        }
        if text.len() > CLIENT_ID_MAX {
            return Err(Invalid::new("clientId", Problem::TooLong(CLIENT_ID_MAX)));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid::new("clientId", Problem::Malformed));
        }
        Ok(Self(text.to_owned()))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What sort of message it is; known also of one that was recalled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A picture.
    Image,
    /// Any other file.
    File,
    /// Words of a service.
    System,
}

impl Kind {
    /// As it is stored.
    pub fn number(self) -> i32 {
        match self {
            Self::Text => 0,
            Self::Image => 1,
            Self::File => 2,
            Self::System => 3,
        }
    }

    /// Reads what is stored.
    pub fn from_number(number: i32) -> Option<Self> {
        match number {
            0 => Some(Self::Text),
            1 => Some(Self::Image),
            2 => Some(Self::File),
            3 => Some(Self::System),
            _ => None,
        }
    }
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Words.
    Text(String),
    /// A picture.
    Image(Attachment),
    /// Any other file.
    File(Attachment),
    /// Words of a service.
    System(String),
}

impl Content {
    /// Words of a user: 1 to 5,000 characters that are not all blank, kept as they are.
    pub fn text(text: &str) -> Result<Self, Invalid> {
        words(text).map(Self::Text)
    }

    /// Words of a service, under the same rules.
    pub fn system(text: &str) -> Result<Self, Invalid> {
        words(text).map(Self::System)
    }

    /// Its sort.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Text(_) => Kind::Text,
            Self::Image(_) => Kind::Image,
            Self::File(_) => Kind::File,
            Self::System(_) => Kind::System,
        }
    }

    /// The uploaded file, where it is one.
    pub fn attachment(&self) -> Option<&Attachment> {
        match self {
            Self::Image(attachment) | Self::File(attachment) => Some(attachment),
            Self::Text(_) | Self::System(_) => None,
        }
    }

    /// The same with other words, which are not checked.
    #[must_use]
    pub fn with_words(&self, words: String) -> Self {
        match self {
            Self::Text(_) => Self::Text(words),
            Self::System(_) => Self::System(words),
            Self::Image(attachment) => Self::Image(Attachment { name: words, ..attachment.clone() }),
            Self::File(attachment) => Self::File(Attachment { name: words, ..attachment.clone() }),
        }
    }

    /// Checks what a sender says.
    pub fn checked(self) -> Result<Self, Invalid> {
        Ok(match self {
            Self::Text(text) => Self::text(&text)?,
            Self::System(text) => Self::system(&text)?,
            Self::Image(attachment) => Self::Image(attachment.checked()?),
            Self::File(attachment) => Self::File(attachment.checked()?),
        })
    }

    /// The words it can be found by.
    pub fn words(&self) -> &str {
        match self {
            Self::Text(text) | Self::System(text) => text,
            Self::Image(attachment) | Self::File(attachment) => &attachment.name,
        }
    }
}

fn words(text: &str) -> Result<String, Invalid> {
    if text.trim().is_empty() {
        return Err(Invalid::new("content.text", Problem::Missing));
    }
    if text.chars().count() > TEXT_MAX {
        return Err(Invalid::new("content.text", Problem::TooLong(TEXT_MAX)));
    }
    if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
        return Err(Invalid::new("content.text", Problem::Malformed));
    }
    Ok(text.to_owned())
}

/// An uploaded file, as the sender describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// `/upload/…`, as the upload answered it.
    pub path: String,
    /// What the sender calls it, 1 to 255 characters.
    pub name: String,
    /// Its size in bytes.
    pub size: i64,
    /// How many pixels wide it is, where the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<i32>,
    /// How many pixels high it is, where the sender says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<i32>,
}

impl Attachment {
    /// Checks what a sender says.
    pub fn checked(self) -> Result<Self, Invalid> {
        if !is_upload_path(&self.path) {
            return Err(Invalid::new("content.path", Problem::Malformed));
        }
        if self.name.trim().is_empty() {
            return Err(Invalid::new("content.name", Problem::Missing));
        }
        if self.name.chars().count() > FILE_NAME_MAX {
            return Err(Invalid::new("content.name", Problem::TooLong(FILE_NAME_MAX)));
        }
        if self.name.chars().any(char::is_control) {
            return Err(Invalid::new("content.name", Problem::Malformed));
        }
        if !(0..=SIZE_MAX).contains(&self.size) {
            return Err(Invalid::new("content.size", Problem::OutOfRange(0, SIZE_MAX)));
        }
        for (field, pixels) in [("content.width", self.width), ("content.height", self.height)] {
            if pixels.is_some_and(|pixels| !(1..=PIXELS_MAX).contains(&pixels)) {
                return Err(Invalid::new(field, Problem::OutOfRange(1, i64::from(PIXELS_MAX))));
            }
        }
        Ok(self)
    }
}

/// Whom a message calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Everyone; only owner and admins may.
    pub all: bool,
    /// These members, each once.
    pub users: Vec<UserId>,
}

impl Mentions {
    /// Checks the request field `mentions`: ids of users, or `all`, 50 at most.
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self, Invalid> {
        if names.len() > MENTIONS_MAX {
            return Err(Invalid::new("mentions", Problem::OutOfRange(0, 50)));
        }
        let mut mentions = Self::default();
        for name in names.iter().map(AsRef::as_ref) {
            if name == "all" {
                mentions.all = true;
                continue;
            }
            let user = UserId::parse("mentions", name)?;
            if !mentions.users.contains(&user) {
                mentions.users.push(user);
            }
        }
        Ok(mentions)
    }

    /// As [`parse`](Self::parse) reads them.
    pub fn names(&self) -> Vec<String> {
        let all = self.all.then(|| "all".to_owned());
        all.into_iter().chain(self.users.iter().map(ToString::to_string)).collect()
    }
}

/// A message to be sent, well formed; whether its sender may send it is decided when it is stored.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Who sends it.
    pub sender: Sender,
    /// What the client calls it.
    pub client_id: ClientId,
    /// What it says.
    pub content: Content,
    /// The message it answers.
    pub reply_to: Option<MessageId>,
    /// Whom it calls.
    pub mentions: Mentions,
}

/// A message as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// Its group.
    pub group: GroupId,
    /// Its place in the group's sequence.
    pub seq: i64,
    /// Who sent it.
    pub sender: Sender,
    /// What the client called it.
    pub client_id: String,
    /// Its sort.
    pub kind: Kind,
    /// What it says; nothing once it was recalled.
    pub content: Option<Content>,
    /// The message it answers, as that one is now.
    pub reply_to: Option<Reply>,
    /// Whom it calls.
    pub mentions: Mentions,
    /// When it was last edited, where it was.
    pub edited_at: Option<DateTime<Utc>>,
    /// How often it has been changed.
    pub version: i32,
    /// When it was stored.
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    pub updated_at: DateTime<Utc>,
}

/// A message that another one answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its id.
    pub id: MessageId,
    /// Its place in the group's sequence.
    pub seq: i64,
    /// Who sent it.
    pub sender: Sender,
    /// Its sort.
    pub kind: Kind,
    /// What it says, a text cut to its first 200 characters; nothing once it was recalled.
    pub content: Option<Content>,
}

/// Which part of a group's history is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The newest messages.
    Last,
    /// The newest before this place in the sequence.
    Before(i64),
    /// The oldest after this place in the sequence.
    After(i64),
}

/// Why `caller` may not recall `message`, where that is so. `sender` is the role of the message's sender, where they
/// are a member still. One who was recalled before is no reason: nothing is left to do.
pub fn recall_refusal(
    message: &Message,
    caller: UserId,
    caller_role: Role,
    sender_role: Option<Role>,
    now: DateTime<Utc>,
) -> Option<Refusal> {
    if message.sender != Sender::User(caller) {
        return must_outrank(caller_role, sender_role.unwrap_or(Role::Member)).err();
    }
    (now - message.created_at > RECALLABLE).then_some(Refusal::TooLate)
}

/// Why `caller`, who may speak, may not edit `message`, where that is so.
pub fn edit_refusal(message: &Message, caller: UserId, now: DateTime<Utc>) -> Option<Refusal> {
    if message.sender != Sender::User(caller) {
        return Some(Refusal::RoleTooLow);
    }
    if message.content.is_none() {
        return Some(Refusal::MessageRecalled);
    }
    if message.kind != Kind::Text {
        return Some(Refusal::NotText);
    }
    (now - message.created_at > EDITABLE).then_some(Refusal::TooLate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sender: UserId) -> Message {
        Message {
            id: MessageId::new(),
            group: GroupId::new(),
            seq: 1,
            sender: Sender::User(sender),
            client_id: "a".to_owned(),
            kind: Kind::Text,
            content: Some(Content::Text("你好".to_owned())),
            reply_to: None,
            mentions: Mentions::default(),
            edited_at: None,
            version: 0,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
        }
    }

    fn attachment() -> Attachment {
        Attachment {
            path: "/upload/20230821/7e23cd7207e15d29589565701.png".to_owned(),
            name: "猫.png".to_owned(),
            size: 1,
            width: Some(1),
            height: None,
        }
    }

    #[test]
    fn a_text_is_bounded_and_visible() {
        assert_eq!(Content::text(" 你\n好 ").unwrap(), Content::Text(" 你\n好 ".to_owned()));
        assert!(Content::text(&"字".repeat(5000)).is_ok());
        for text in ["", " \n", "a\0b", "\u{1b}[31m", &"字".repeat(5001)] {
            assert_eq!(Content::text(text).unwrap_err().field, "content.text");
        }
    }

    #[test]
    fn an_attachment_is_one_of_our_own_uploads() {
        assert!(attachment().checked().is_ok());
        let wrong = [
            ("content.path", Attachment { path: "https://evil.example/a.png".to_owned(), ..attachment() }),
            ("content.name", Attachment { name: "\n".to_owned(), ..attachment() }),
            ("content.name", Attachment { name: "x".repeat(256), ..attachment() }),
            ("content.size", Attachment { size: -1, ..attachment() }),
            ("content.width", Attachment { width: Some(0), ..attachment() }),
        ];
        for (field, attachment) in wrong {
            assert_eq!(attachment.checked().unwrap_err().field, field);
        }
    }

    #[test]
    fn mentions_name_users_or_all() {
        let user = UserId::new();
        let mentions = Mentions::parse(&["all".to_owned(), user.to_string(), user.to_string()]).unwrap();
        assert_eq!(mentions, Mentions { all: true, users: vec![user] });
        assert_eq!(Mentions::parse(&mentions.names()).unwrap(), mentions);
        assert!(Mentions::parse(&["everyone"]).is_err());
        assert!(Mentions::parse(&vec!["all"; 51]).is_err());
    }

    #[test]
    fn a_sender_is_read_as_it_is_stored() {
        for sender in [Sender::User(UserId::new()), Sender::Service("order-bot".to_owned())] {
            assert_eq!(Sender::parse(&sender.to_string()), Some(sender));
        }
        assert_eq!(Sender::parse("someone"), None);
    }

    #[test]
    fn a_sender_recalls_for_two_minutes_and_a_higher_rank_at_any_time() {
        let (sender, other) = (UserId::new(), UserId::new());
        let message = message(sender);
        let at = |minutes, caller, role, of_sender| {
            let now = DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes);
            recall_refusal(&message, caller, role, of_sender, now)
        };
        assert_eq!(at(2, sender, Role::Member, Some(Role::Member)), None);
        assert_eq!(at(3, sender, Role::Member, Some(Role::Member)), Some(Refusal::TooLate));
        assert_eq!(at(0, other, Role::Member, Some(Role::Member)), Some(Refusal::RoleTooLow));
        assert_eq!(at(1000, other, Role::Admin, Some(Role::Member)), None);
        assert_eq!(at(1000, other, Role::Admin, None), None);
        assert_eq!(at(0, other, Role::Admin, Some(Role::Admin)), Some(Refusal::RoleTooLow));
        assert_eq!(at(0, other, Role::Owner, Some(Role::Admin)), None);
    }

    #[test]
    fn a_sender_edits_a_text_for_a_quarter_of_an_hour() {
        let sender = UserId::new();
        let mut message = message(sender);
        let at = |message: &Message, minutes, caller| {
            edit_refusal(message, caller, DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes))
        };
        assert_eq!(at(&message, 15, sender), None);
        assert_eq!(at(&message, 16, sender), Some(Refusal::TooLate));
        assert_eq!(at(&message, 0, UserId::new()), Some(Refusal::RoleTooLow));
        message.kind = Kind::Image;
        assert_eq!(at(&message, 0, sender), Some(Refusal::NotText));
        message.content = None;
        assert_eq!(at(&message, 0, sender), Some(Refusal::MessageRecalled));
    }
}
