//! Conversions between domain values and their protobuf forms that every service needs.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

use crate::error::{Invalid, Problem};

/// A moment as protobuf writes it.
pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: time.timestamp(),
        // Below 10^9 in chrono, but for leap seconds, which no clock of ours makes.
        nanos: i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(999_999_999),
    }
}

/// Reads the moment in the request field `field`, cut to milliseconds.
pub fn moment(field: &'static str, timestamp: &Timestamp) -> Result<DateTime<Utc>, Invalid> {
    u32::try_from(timestamp.nanos)
        .ok()
        .and_then(|nanos| DateTime::from_timestamp(timestamp.seconds, nanos))
        .and_then(|time| DateTime::from_timestamp_millis(time.timestamp_millis()))
        .ok_or(Invalid::new(field, Problem::Malformed))
}

/// How many rows a list answers: `asked`, 1,000 where it is 0.
pub fn page_size(asked: i32) -> Result<i64, Invalid> {
    match asked {
        0 => Ok(1000),
        1..=1000 => Ok(i64::from(asked)),
        _ => Err(Invalid::new("page_size", Problem::OutOfRange(1, 1000))),
    }
}

/// Cuts `rows`, one more than wanted having been asked for, to `limit`, and says whether there are more.
pub fn cut<T>(rows: &mut Vec<T>, limit: i64) -> bool {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    more
}
