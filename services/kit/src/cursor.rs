//! Where a list that is read in parts goes on, and how a client names it. Owns the token's form and the bounds that a
//! statement compares rows with; which time the rows are listed by, and their order, are each store's.

use chrono::{DateTime, Utc};

use crate::{
    error::{Invalid, Problem},
    ids::Id,
    wire,
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

    /// The time and id that an ascending list's rows are greater than: no row's where it begins, since ids are hex digits
    /// and nothing was made in 1970.
    pub fn lower_bound(after: Option<Self>) -> (DateTime<Utc>, String) {
        after.map_or((DateTime::UNIX_EPOCH, String::new()), Self::bound)
    }

    /// The time and id that a descending list's rows are less than: no row's where it begins.
    pub fn upper_bound(before: Option<Self>) -> (DateTime<Utc>, String) {
        before.map_or((DateTime::from_timestamp_nanos(i64::MAX), String::new()), Self::bound)
    }

    fn bound(self) -> (DateTime<Utc>, String) {
        (self.time, self.id.to_string())
    }

    fn read(token: &str) -> Option<Self> {
        let (milliseconds, id) = token.split_once('.')?;
        // Databases do not reach as far back as a token can be made to say.
        let milliseconds = milliseconds.parse().ok().filter(|milliseconds| *milliseconds >= 0_i64)?;
        Some(Self { time: DateTime::from_timestamp_millis(milliseconds)?, id: id.parse().ok()? })
    }
}

/// Cuts `rows`, one more than wanted having been asked for, to `limit`. Answers the token that the list goes on with,
/// after the last one's place; an empty one where it ends.
pub fn cut<T, K>(rows: &mut Vec<T>, limit: i64, place: impl Fn(&T) -> (DateTime<Utc>, Id<K>)) -> String {
    let more = wire::cut(rows, limit);
    next_page_token(rows, more, place)
}

/// The token that a list goes on with after `rows`; an empty one where there are no more.
pub fn next_page_token<T, K>(rows: &[T], more: bool, place: impl Fn(&T) -> (DateTime<Utc>, Id<K>)) -> String {
    let last = rows.last().filter(|_| more).map(place);
    last.map(|(time, id)| TimeCursor { time, id }.token()).unwrap_or_default()
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
