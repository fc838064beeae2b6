//! Times as the product's JSON has them.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;

/// Writes a time as ISO 8601 with milliseconds and `Z`.
pub(super) fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
