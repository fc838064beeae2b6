//! Request fields that more than one service takes, checked once: names shown to people, icons, request ids. Owns
//! their rules and no storage.

use crate::error::{Invalid, Problem};

/// How long an icon's address may be.
const ICON_MAX: usize = 2048;
/// How long a request id may be.
const REQUEST_ID_MAX: usize = 64;
/// How long a name may be.
const NAME_MAX: usize = 64;

/// A name shown to people: 1 to 64 characters after trimming, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Checks the request field `field`.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Invalid::new(field, Problem::Missing));
        }
        if text.chars().count() > NAME_MAX {
            return Err(Invalid::new(field, Problem::TooLong(NAME_MAX)));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::new(field, Problem::Malformed));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a picture is: an http(s) URL or a path of this system's own uploads, at most 2,048 characters. Nothing else
/// may be shown in a page: `javascript:` and `data:` would run in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon(String);

impl Icon {
    /// Checks the request field `icon`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new("icon", Problem::Missing));
        }
        if text.chars().count() > ICON_MAX {
            return Err(Invalid::new("icon", Problem::TooLong(ICON_MAX)));
        }
        if is_upload_path(text) || is_web_address(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("icon", Problem::Malformed))
    }

    /// The address as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_web_address(text: &str) -> bool {
    let written_plainly = !text.chars().any(|char| char.is_control() || char.is_whitespace());
    written_plainly && url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Whether `text` is `/upload/<8 digits>/<25 hex digits>.<ext>`, the form this system gives its uploads.
pub fn is_upload_path(text: &str) -> bool {
    text.strip_prefix("/upload/").is_some_and(is_file_name)
}

/// Whether `text` is `<8 digits>/<25 hex digits>.<ext>`, the form this system gives its objects.
pub fn is_file_name(text: &str) -> bool {
    let Some((date, name)) = text.split_once('/') else {
        return false;
    };
    let Some((stem, extension)) = name.split_once('.') else {
        return false;
    };
    date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && stem.len() == 25
        && stem.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        && (2..=5).contains(&extension.len())
        && extension.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
}

/// What a client calls a request, so that it can be repeated: up to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// Checks the request field `request_id`; an empty one is none.
    pub fn parse(text: &str) -> Result<Option<Self>, Invalid> {
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > REQUEST_ID_MAX {
            return Err(Invalid::new("request_id", Problem::TooLong(REQUEST_ID_MAX)));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(Invalid::new("request_id", Problem::Malformed));
        }
        Ok(Some(Self(text.to_owned())))
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(DisplayName::parse("name", "  小蓝的商页 ").unwrap().as_str(), "小蓝的商页");
        assert!(DisplayName::parse("name", &"页".repeat(64)).is_ok());
        for text in ["", "   ", &"页".repeat(65), "a\nb"] {
            assert!(DisplayName::parse("name", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_icon_is_a_web_address_or_an_upload() {
        for text in [
            "https://img.example/59024.jpg",
            "http://127.0.0.1:9000/a.png",
            "/upload/20230821/7e23cd7207e15d29589565701.png",
        ] {
            assert!(Icon::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "//evil.example/a.png",
            "/upload/../etc/passwd",
            "/upload/20230821/7e23cd7207e15d2958956570.png",
            "https://",
            "java\nscript:alert(1)",
            "ht\ttps://a.example/",
        ] {
            assert!(Icon::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_request_id_is_short_and_visible() {
        assert_eq!(RequestId::parse("").unwrap(), None);
        assert!(RequestId::parse("7b1c-42").unwrap().is_some());
        assert!(RequestId::parse(&"x".repeat(65)).is_err());
        assert!(RequestId::parse("a\r\nb").is_err());
    }
}
