//! Names of accounts: what they may consist of, and when two of them are the same.

use std::borrow::Cow;

use chatroom_kit::error::{Invalid, Problem};
use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};

use super::DELETED_NAME;

/// The most characters a name has.
const MAX: usize = 32;
/// Composition makes at most four characters one, so a longer text is too long whatever it composes to.
const WRITTEN_MAX: usize = 4 * MAX;

/// An account's name: 1 to 32 characters of any script after NFKC and trimming.
///
/// Refused are characters that steer how others are shown or that show nothing: controls, line separators, formats
/// (the bidirectional overrides among them, with which a name could be made to look like another), private and
/// unassigned ones. The joiners that Persian, Indian scripts and emoji are written with, and the tags of flags, are
/// formats too, and are let through.
///
/// Two names are the same where their keys are. The key is the name as nicknames are compared (RFC 8266: NFKC, spaces
/// collapsed) with case folded as Unicode asks (`STRASSE` and `straße` are the same) and without default ignorable
/// characters, so that a joiner tells no two names apart. Letters of different scripts that look alike are different.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username {
    written: String,
    key: String,
}

impl Username {
    /// Checks the request field `username`.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let invalid = |problem| Err(Invalid::new("username", problem));
        let written = text.trim();
        if written.is_empty() {
            return invalid(Problem::Missing);
        }
        if written.chars().nth(WRITTEN_MAX).is_some() {
            return invalid(Problem::TooLong(MAX));
        }
        if written.chars().any(is_refused) {
            return invalid(Problem::Malformed);
        }
        let normal = normalise(written);
        if normal.trim().chars().count() > MAX {
            return invalid(Problem::TooLong(MAX));
        }
        let key = key(&normal);
        if key.is_empty() {
            return invalid(Problem::Malformed);
        }
        Ok(Self { written: written.to_owned(), key })
    }

    /// What the keys of names begin with that begin with `text`; nothing where any may.
    pub fn parse_prefix(text: &str) -> Result<String, Invalid> {
        if text.trim().is_empty() {
            return Ok(String::new());
        }
        Self::parse(text).map(|name| name.key).map_err(|invalid| Invalid { field: "name", ..invalid })
    }

    /// Whether it is what deleted accounts are called: nobody can be called so.
    pub fn is_of_the_deleted(&self) -> bool {
        self.key == DELETED_NAME
    }

    /// The name as it was written, trimmed.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// What is equal for names that are the same.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Whether a character steers how others are shown, or shows nothing.
pub(super) fn is_refused(character: char) -> bool {
    match CodePointMapData::<GeneralCategory>::new().get(character) {
        GeneralCategory::Control
        | GeneralCategory::LineSeparator
        | GeneralCategory::ParagraphSeparator
        | GeneralCategory::PrivateUse
        | GeneralCategory::Unassigned => true,
        GeneralCategory::Format => !matches!(character, '\u{200C}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}'),
        _ => false,
    }
}

fn key(normal: &str) -> String {
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let mut key = Cow::Borrowed(normal);
    // Folding can undo the normal form, and normalising the folding: it takes both twice (Unicode, D146).
    for _ in 0..2 {
        let visible: String = key.chars().filter(|&character| !ignorable.contains(character)).collect();
        let folded = CaseMapper::new().fold_string(&visible);
        key = Cow::Owned(normalise(&folded).into_owned());
    }
    key.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn normalise(text: &str) -> Cow<'_, str> {
    ComposingNormalizerBorrowed::new_nfkc().normalize(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        Username::parse(one).unwrap().key() == Username::parse(other).unwrap().key()
    }

    #[test]
    fn a_name_is_kept_as_written_but_trimmed() {
        for text in ["admin", "Lily Ü", "小蓝", "مریم‌گلی", "👩‍👩‍👧", "' or 1=1 --", "ＡＤＭＩＮ", "e\u{301}"]
        {
            assert_eq!(Username::parse(&format!(" {text}\n")).unwrap().as_str(), text);
        }
    }

    #[test]
    fn its_length_is_counted_in_characters_after_normalisation() {
        assert!(Username::parse(&"小".repeat(32)).is_ok());
        assert_eq!(Username::parse(&"小".repeat(33)).unwrap_err().problem, Problem::TooLong(32));
        // Two characters that compose to one, and one that stands for eighteen.
        assert!(Username::parse(&"e\u{301}".repeat(32)).is_ok());
        assert_eq!(Username::parse("\u{FDFA}\u{FDFA}").unwrap_err().problem, Problem::TooLong(32));
        assert_eq!(Username::parse(&"x".repeat(10_000)).unwrap_err().problem, Problem::TooLong(32));
    }

    #[test]
    fn a_name_of_nothing_is_missing() {
        for text in ["", "   ", "\u{3000}\u{A0}"] {
            assert_eq!(Username::parse(text).unwrap_err().problem, Problem::Missing, "{text:?}");
        }
    }

    #[test]
    fn what_steers_or_hides_is_refused() {
        for character in
            ['\0', '\n', '\u{7F}', '\u{85}', '\u{200B}', '\u{202E}', '\u{2066}', '\u{2028}', '\u{FEFF}', '\u{E000}']
        {
            let text = format!("ad{character}min");
            assert_eq!(Username::parse(&text).unwrap_err().problem, Problem::Malformed, "{text:?}");
        }
        assert_eq!(Username::parse("\u{200D}").unwrap_err().problem, Problem::Malformed);
    }

    #[test]
    fn case_width_spacing_and_invisible_characters_tell_no_names_apart() {
        for (one, other) in [
            ("Admin", "aDMIN"),
            ("ＡＤＭＩＮ", "admin"),
            ("STRASSE", "straße"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("é", "E\u{301}"),
            ("a  b", "A\u{3000}B"),
            ("ad\u{200D}min", "admin"),
            ("ad\u{FE0F}min", "admin"),
            ("ⅸ", "IX"),
        ] {
            assert!(same(one, other), "{one:?} {other:?}");
        }
        assert!(!same("admin", "admin1"));
        assert!(!same("a b", "ab"));
    }

    #[test]
    fn what_the_deleted_are_called_is_known_however_it_is_written() {
        for text in [DELETED_NAME, " 已\u{200D}注销用户 "] {
            assert!(Username::parse(text).unwrap().is_of_the_deleted(), "{text:?}");
        }
        assert!(!Username::parse("已注销用户1").unwrap().is_of_the_deleted());
    }

    #[test]
    fn the_key_of_a_key_is_the_key() {
        for character in ('\0'..=char::MAX).filter(|&character| !is_refused(character)) {
            let text = format!("a{character}\u{301}");
            let once = key(&normalise(&text));
            if once == text {
                continue;
            }
            assert_eq!(key(&once), once, "{character:?}");
        }
    }
}
