//! Sending: what a client says when it sends or edits a message, however it says it. Owns the form of such requests; what a
//! message may say is the group service's rule.

use chatroom_kit::{
    auth::Caller,
    error::{Invalid, Problem},
};
use chatroom_proto::message::v1::{
    Attachment, Content, EditMessageRequest, Message, SendMessageRequest, SendMessageResponse, content::Content as Said,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    error::{Refusal, filled},
    state::Shared,
};

/// A message to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Outgoing {
    /// The group's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e313309054f1bdf19707c1")]
    group: String,
    /// What the client calls the message, such as a UUID: sent again, it answers the first message. 1 to 64 visible ASCII
    /// characters.
    #[schema(min_length = 1, max_length = 64, pattern = "^[!-~]+$", example = "6f1c2f0e-9f5d-4c7e-8f25-0a3a4f0b7d11")]
    client_id: String,
    /// `text`, `image` or `file`.
    #[schema(pattern = "^(text|image|file)$", example = "text")]
    kind: String,
    /// Of a text `text`; of a picture or file `path`, `name`, `size` and perhaps `width` and `height`.
    content: OutgoingContent,
    /// The id of the message of the same group that it answers.
    #[schema(pattern = "^[0-9a-f]{24}$", example = json!(null))]
    reply_to: Option<String>,
    /// The ids of members whom it mentions, or `all` (owner and admins only).
    #[schema(max_items = 50, example = json!([]))]
    mentions: Option<Vec<String>>,
}

/// What a message is to say.
#[derive(Deserialize, ToSchema)]
pub(crate) struct OutgoingContent {
    /// 1 to 5,000 characters, not all of them blank.
    #[schema(min_length = 1, max_length = 5000, example = "你好")]
    text: Option<String>,
    /// As the upload answered it.
    #[schema(pattern = "^/upload/[0-9]{8}/[0-9a-f]{25}\\.[0-9a-z]{2,5}$", example = json!(null))]
    path: Option<String>,
    /// 1 to 255 characters.
    #[schema(min_length = 1, max_length = 255, example = json!(null))]
    name: Option<String>,
    /// In bytes.
    #[schema(minimum = 0, example = json!(null))]
    size: Option<i64>,
    /// In pixels.
    #[schema(minimum = 1, maximum = 100_000, example = json!(null))]
    width: Option<i32>,
    /// In pixels.
    #[schema(minimum = 1, maximum = 100_000, example = json!(null))]
    height: Option<i32>,
}

/// Other words for a message.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Correction {
    /// The message's id.
    #[schema(pattern = "^[0-9a-f]{24}$", example = "64e3142a9054f1bdf19707d2")]
    message: String,
    content: CorrectedText,
}

/// What a text says from now on.
#[derive(Deserialize, ToSchema)]
struct CorrectedText {
    /// 1 to 5,000 characters, not all of them blank.
    #[schema(min_length = 1, max_length = 5000, example = "你好！")]
    text: String,
}

/// Sends a message; it is stored for good once this answers.
pub(crate) async fn send(app: &Shared, caller: &Caller, outgoing: Outgoing) -> Result<SendMessageResponse, Refusal> {
    let request = caller.request(outgoing.try_into()?);
    Ok(app.message().send_message(request).await?.into_inner())
}

/// Gives a text other words.
pub(crate) async fn edit(app: &Shared, caller: &Caller, correction: Correction) -> Result<Message, Refusal> {
    let content = Content { content: Some(Said::Text(correction.content.text)) };
    let request = caller.request(EditMessageRequest { message: correction.message, content: Some(content) });
    filled(app.message().edit_message(request).await?.into_inner().message)
}

impl TryFrom<Outgoing> for SendMessageRequest {
    type Error = Invalid;

    fn try_from(outgoing: Outgoing) -> Result<Self, Invalid> {
        let said = match outgoing.kind.as_str() {
            "text" => Said::Text(outgoing.content.text.ok_or(missing("content.text"))?),
            "image" => Said::Image(outgoing.content.attachment()?),
            "file" => Said::File(outgoing.content.attachment()?),
            _ => return Err(Invalid::new("kind", Problem::Malformed)),
        };
        if outgoing.reply_to.as_deref() == Some("") {
            return Err(missing("replyTo"));
        }
        Ok(Self {
            group: outgoing.group,
            client_id: outgoing.client_id,
            content: Some(Content { content: Some(said) }),
            reply_to: outgoing.reply_to.unwrap_or_default(),
            mentions: outgoing.mentions.unwrap_or_default(),
        })
    }
}

impl OutgoingContent {
    fn attachment(self) -> Result<Attachment, Invalid> {
        Ok(Attachment {
            path: self.path.ok_or(missing("content.path"))?,
            name: self.name.ok_or(missing("content.name"))?,
            size: self.size.ok_or(missing("content.size"))?,
            width: self.width,
            height: self.height,
        })
    }
}

fn missing(field: &'static str) -> Invalid {
    Invalid::new(field, Problem::Missing)
}
