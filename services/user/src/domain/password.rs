//! Passwords as they are given: how long they may be. How they are hashed is `password.rs` of the crate.

use std::fmt;

use chatroom_kit::error::{Invalid, Problem};

/// The most characters a password has.
const MAX: usize = 128;

/// A password, exactly as it was given: neither trimmed nor normalised.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Checks the request field `field` as a password to be kept: `least` to 128 characters.
    pub fn choose(field: &'static str, text: String, least: usize) -> Result<Self, Invalid> {
        let password = Self::claim(field, text)?;
        if password.0.chars().count() < least {
            return Err(Invalid::new(field, Problem::TooShort(least)));
        }
        Ok(password)
    }

    /// Checks the request field `field` as a password that somebody proves themself with: any that an account can have,
    /// whatever the minimum was then.
    pub fn claim(field: &'static str, text: String) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::new(field, Problem::Missing));
        }
        if text.chars().count() > MAX {
            return Err(Invalid::new(field, Problem::TooLong(MAX)));
        }
        Ok(Self(text))
    }

    /// What is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        assert!(Password::choose("password", "密码密码密码".into(), 6).is_ok());
        assert_eq!(Password::choose("password", "密码密码密".into(), 6).unwrap_err().problem, Problem::TooShort(6));
        assert!(Password::choose("password", "密".repeat(128), 6).is_ok());
        assert_eq!(Password::choose("password", "密".repeat(129), 6).unwrap_err().problem, Problem::TooLong(128));
        assert_eq!(Password::choose("password", String::new(), 6).unwrap_err().problem, Problem::Missing);
    }

    #[test]
    fn a_password_is_not_trimmed() {
        assert_eq!(Password::choose("password", "  123456 ".into(), 6).unwrap().as_bytes(), b"  123456 ");
    }

    #[test]
    fn a_short_password_can_still_be_claimed() {
        assert!(Password::claim("password", "1".into()).is_ok());
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", Password::claim("password", "123456".into()).unwrap());
        assert!(!shown.contains("123456"), "{shown}");
    }
}
