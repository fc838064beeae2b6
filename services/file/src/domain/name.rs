//! Names of stored files: `<UTC date>/<25 hex digits>.<extension>`. Nothing in one comes from a client.

use chatroom_kit::fields::is_file_name;
use chrono::{DateTime, Utc};

use super::FileKind;

/// The name of a stored file, which is its key in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    text: String,
    kind: FileKind,
}

impl FileName {
    /// The name of a file of `kind` that came at `time`, made of the highest 100 of 128 random bits.
    pub fn new(time: DateTime<Utc>, random: u128, kind: FileKind) -> Self {
        let text = format!("{}/{:025x}.{}", time.format("%Y%m%d"), random >> 28, kind.extension());
        Self { text, kind }
    }

    /// Reads a name; nothing where no stored file can have it.
    pub fn parse(text: &str) -> Option<Self> {
        if !is_file_name(text) {
            return None;
        }
        let (_, extension) = text.rsplit_once('.')?;
        Some(Self { text: text.to_owned(), kind: FileKind::of_extension(extension)? })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What kind of file has this name.
    pub fn kind(&self) -> FileKind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_made() {
        let time = DateTime::from_timestamp(1_692_591_413, 0).unwrap();
        for random in [0, 1 << 28, u128::MAX] {
            let name = FileName::new(time, random, FileKind::Docx);
            assert_eq!(FileName::parse(name.as_str()), Some(name));
        }
        assert_eq!(FileName::new(time, u128::MAX, FileKind::Png).as_str(), "20230821/fffffffffffffffffffffffff.png");
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            "requests/7e23cd7207e15d29589565701.png",
            "20230821/7e23cd7207e15d29589565701.html",
            "20230821/7E23CD7207E15D29589565701.png",
            "20230821/../20230821/7e23cd7207e15d29589565701.png",
            "20230821/7e23cd7207e15d29589565701.png/",
            "20230821/7e23cd7207e15d29589565701.png\0",
            "/20230821/7e23cd7207e15d29589565701.png",
        ] {
            assert_eq!(FileName::parse(text), None, "{text:?}");
        }
    }
}
