//! Requests as domain values.

use chatroom_kit::error::{Invalid, Problem};
use chatroom_proto::message::v1::{self as proto, content::Content as ProtoContent};

use crate::domain::{Attachment, Content};

/// How many rows a list answers: `asked`, or `usual` where it is 0.
pub(super) fn page_size(asked: i32, usual: i32, most: i32) -> Result<i64, Invalid> {
    match asked {
        0 => Ok(i64::from(usual)),
        _ if (1..=most).contains(&asked) => Ok(i64::from(asked)),
        _ => Err(Invalid::new("page_size", Problem::OutOfRange(1, i64::from(most)))),
    }
}

/// A place in a group's sequence, or 0 for before its beginning.
pub(super) fn place(field: &'static str, seq: i64) -> Result<i64, Invalid> {
    if seq < 0 {
        return Err(Invalid::new(field, Problem::OutOfRange(0, i64::MAX)));
    }
    Ok(seq)
}

/// What a user's message says. Only a service says something in the name of the system.
pub(super) fn content(content: Option<proto::Content>) -> Result<Content, Invalid> {
    match content.and_then(|content| content.content) {
        Some(ProtoContent::Text(text)) => Content::text(&text),
        Some(ProtoContent::Image(image)) => Ok(Content::Image(attachment(image).checked()?)),
        Some(ProtoContent::File(file)) => Ok(Content::File(attachment(file).checked()?)),
        Some(ProtoContent::System(_)) => Err(Invalid::new("kind", Problem::Malformed)),
        None => Err(Invalid::new("content", Problem::Missing)),
    }
}

fn attachment(attachment: proto::Attachment) -> Attachment {
    Attachment {
        path: attachment.path,
        name: attachment.name,
        size: attachment.size,
        width: attachment.width,
        height: attachment.height,
    }
}
