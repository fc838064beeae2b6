//! What users want to be called and how they want to be shown.

use chatroom_kit::{
    error::{Invalid, Problem},
    fields::is_upload_path,
};

use super::username::{Username, is_refused};

/// The most characters a nickname has.
const NICKNAME_MAX: usize = 32;

/// What a user wants to be called: 1 to 32 characters after trimming, none of those that no username may have; or
/// nothing. Not unique, but for what deleted accounts are called, which is theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nickname(String);

impl Nickname {
    /// Checks the request field `nickname`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if text.chars().count() > NICKNAME_MAX {
            return Err(Invalid::new("nickname", Problem::TooLong(NICKNAME_MAX)));
        }
        let of_the_deleted = Username::parse(text).is_ok_and(|name| name.is_of_the_deleted());
        if of_the_deleted || text.chars().any(is_refused) {
            return Err(Invalid::new("nickname", Problem::Malformed));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name; empty where there is none.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's picture: a path of this system's own uploads, or nothing. That the user has uploaded it, and that it is an
/// image, is known to the file service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Avatar(String);

impl Avatar {
    /// Checks the request field `avatar`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || is_upload_path(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new("avatar", Problem::Malformed))
    }

    /// Refuses what is no image, judged by its media type.
    pub fn must_be_image(content_type: &str) -> Result<(), Invalid> {
        if content_type.starts_with("image/") { Ok(()) } else { Err(Invalid::new("avatar", Problem::Malformed)) }
    }

    /// The path; empty where there is no picture.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is to change of a profile; what is none stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ProfileUpdate {
    /// What the user wants to be called.
    pub nickname: Option<Nickname>,
    /// The user's picture.
    pub avatar: Option<Avatar>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nickname_is_trimmed_and_bounded() {
        for (text, kept) in [(" 小蓝 ", "小蓝"), ("", ""), ("   ", ""), (&*"页".repeat(32), &*"页".repeat(32))] {
            assert_eq!(Nickname::parse(text).unwrap().as_str(), kept);
        }
        assert_eq!(Nickname::parse(&"页".repeat(33)).unwrap_err().problem, Problem::TooLong(32));
        for text in ["a\nb", "a\0", "\u{202E}lim", "\u{E000}", "已注销用户"] {
            assert_eq!(Nickname::parse(text).unwrap_err().problem, Problem::Malformed, "{text:?}");
        }
    }

    #[test]
    fn an_avatar_is_an_upload_of_an_image() {
        assert!(Avatar::parse("/upload/20230821/7e23cd7207e15d29589565701.png").is_ok());
        assert_eq!(Avatar::parse("").unwrap(), Avatar::default());
        for text in ["https://img.example/59024.jpg", "javascript:alert(1)", "/upload/../etc/passwd", " "] {
            assert!(Avatar::parse(text).is_err(), "{text:?}");
        }
        assert!(Avatar::must_be_image("image/png").is_ok());
        assert!(Avatar::must_be_image("application/pdf").is_err());
    }
}
