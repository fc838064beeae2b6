//! What a file is here: its name, its kind, and the rules for ranges. Pure: knows no store and no protocol.

mod kind;
mod name;
mod range;
mod sniff;

use chrono::{DateTime, Utc};

pub use kind::FileKind;
pub use name::FileName;
pub use range::{Range, Span};
pub use sniff::{Verdict, sniff};

/// The most bytes that travel in one message.
pub const CHUNK_MAX: usize = 256 << 10;

/// A file that is in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its name, which says its kind.
    pub name: FileName,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub created: DateTime<Utc>,
}
