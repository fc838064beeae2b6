//! How ids, times and roles are written in answers, and times read from requests.

use chatroom_kit::{
    error::{Invalid, Problem},
    wire,
};
use chatroom_proto::user::v1::Role;
use chrono::{DateTime, SecondsFormat};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// A record's id.
#[derive(Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, pattern = "^[0-9a-f]{24}$", example = "64e2e53561a25a30db767a40")]
pub(crate) struct Id<'a>(pub(crate) &'a str);

/// A moment: UTC, ISO 8601 with milliseconds and `Z`.
#[derive(ToSchema)]
#[schema(value_type = String, format = DateTime, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z$",
         example = "2023-08-21T04:16:53.765Z")]
pub(crate) struct Time(Option<Timestamp>);

/// Reads the moment in the request field `field`, as ISO 8601 writes it.
pub(crate) fn moment(field: &'static str, text: &str) -> Result<Timestamp, Invalid> {
    let moment = DateTime::parse_from_rfc3339(text).map_err(|_| Invalid::new(field, Problem::Malformed))?;
    Ok(wire::timestamp(moment.to_utc()))
}

impl From<Timestamp> for Time {
    fn from(timestamp: Timestamp) -> Self {
        Self(Some(timestamp))
    }
}

impl From<Option<Timestamp>> for Time {
    fn from(timestamp: Option<Timestamp>) -> Self {
        Self(timestamp)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Every record has its times; one without would show the epoch.
        let timestamp = self.0.unwrap_or_default();
        let nanos = u32::try_from(timestamp.nanos).unwrap_or_default();
        let time = DateTime::from_timestamp(timestamp.seconds, nanos).unwrap_or(DateTime::UNIX_EPOCH);
        serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

/// A role as the documented API numbers it: 1 an administrator, 0 anybody else.
pub(crate) fn role(role: Role) -> u8 {
    u8::from(role == Role::Administrator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_milliseconds_and_a_z() {
        let written = |seconds, nanos| serde_json::to_string(&Time(Some(Timestamp { seconds, nanos }))).unwrap();
        assert_eq!(written(1_692_591_413, 765_000_000), r#""2023-08-21T04:16:53.765Z""#);
        assert_eq!(written(1_692_594_692, 0), r#""2023-08-21T05:11:32.000Z""#);
    }
}
