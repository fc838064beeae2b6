//! Where a list that is read in parts goes on, and how a client names it. Owns the token's form; which time the rows are
//! listed by, and their order, are each store's.

use chrono::{DateTime, Utc};

use crate::{
    error::{Invalid, Problem},
    ids::Id,
};

/// Where a list goes on: beside the row of that time and id. As a token it reads `<milliseconds since the epoch>.<id>`.
pub struct TimeCursor<K> {
    /// The row's time.
    pub time: DateTime<Utc>,
    /// Its id.
    pub id: Id<K>,
}

impl<K> TimeCursor<K> {
    /// Reads the request field `page_token`; an empty one is none.
    pub fn parse(token: &str) -> Result<Option<Self>, Invalid> {
        if token.is_empty() {
            return Ok(None);
        }
        Self::read(token).map(Some).ok_or(Invalid::new("page_token", Problem::Malformed))
    }

    /// Writes the token.
    pub fn token(&self) -> String {
        format!("{}.{}", self.time.timestamp_millis(), self.id)
    }

    fn read(token: &str) -> Option<Self> {
        let (milliseconds, id) = token.split_once('.')?;
        // Databases do not reach as far back as a token can be made to say.
        let milliseconds = milliseconds.parse().ok().filter(|milliseconds| *milliseconds >= 0_i64)?;
        Some(Self { time: DateTime::from_timestamp_millis(milliseconds)?, id: id.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Group;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = TimeCursor { time: DateTime::from_timestamp_millis(1_692_591_413_765).unwrap(), id: Id::new() };
        let read = TimeCursor::<Group>::parse(&cursor.token()).unwrap().unwrap();
        assert_eq!((read.time, read.id), (cursor.time, cursor.id));
        assert!(TimeCursor::<Group>::parse("").unwrap().is_none());
        for token in [
            ".",
            "1",
            "1.",
            "1.x",
            "x.64e313309054f1bdf19707c1",
            "1.64e31330",
            "-1.64e313309054f1bdf19707c1",
            "9223372036854775807.64e313309054f1bdf19707c1",
        ] {
            let invalid = TimeCursor::<Group>::parse(token).map(|_| token).unwrap_err();
            assert_eq!((invalid.field, invalid.problem), ("page_token", Problem::Malformed), "{token}");
        }
    }
}
