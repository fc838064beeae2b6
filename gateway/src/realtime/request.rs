//! The frames that clients send, as JSON. Owns their form; that of messages and cursors is `chat`'s.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error, Visitor},
};

/// How long a text may be with which a client names a request.
const ID_MAX: usize = 64;

/// What every frame of a client has.
#[derive(Deserialize)]
pub(super) struct Head {
    /// What the client calls the request; its answer repeats it.
    pub(super) id: Option<RequestId>,
    pub(super) r#type: String,
}

/// What a client calls a request: a whole number, or a short text.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum RequestId {
    Number(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberOrText;
        impl Visitor<'_> for NumberOrText {
            type Value = RequestId;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number or a short text")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<RequestId, E> {
                Ok(RequestId::Number(number))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequestId, E> {
                if text.len() > ID_MAX {
                    return Err(E::custom("too long"));
                }
                Ok(RequestId::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(NumberOrText)
    }
}

/// Who the client is.
#[derive(Deserialize)]
pub(super) struct Connect {
    pub(super) token: String,
}

/// A group that is meant.
#[derive(Deserialize)]
pub(super) struct Named {
    pub(super) group: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[expect(clippy::option_option, reason = "whether it can be read, and whether it has an id")]
    fn id(document: &str) -> Option<Option<RequestId>> {
        json::parse::<Head>(document.as_bytes()).ok().map(|head| head.id)
    }

    #[test]
    fn a_request_is_called_by_a_number_or_a_short_text() {
        assert_eq!(id(r#"{"type":"pong"}"#), Some(None));
        assert_eq!(id(r#"{"id":null,"type":"pong"}"#), Some(None));
        assert_eq!(id(r#"{"id":-7,"type":"pong"}"#), Some(Some(RequestId::Number(-7))));
        assert_eq!(id(r#"{"id":"a","type":"pong"}"#), Some(Some(RequestId::Text("a".to_owned()))));
        for value in ["1.5", "true", "[1]", "{}", &format!("{:?}", "x".repeat(65))] {
            assert_eq!(id(&format!(r#"{{"id":{value},"type":"pong"}}"#)), None, "{value}");
        }
    }
}
