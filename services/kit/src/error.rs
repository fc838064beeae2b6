//! The form every error takes on the wire: a gRPC status with `google.rpc.ErrorInfo` (<https://google.aip.dev/193>),
//! its reason in upper snake case, its domain "chatroom". Owns the form and the reasons that any service may give;
//! which of its own errors becomes which status is each service's `error.rs`.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "chatroom";

/// A field breaks its documented rule.
pub const INVALID_ARGUMENT: &str = "INVALID_ARGUMENT";
/// There is no valid token where one is needed.
pub const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// The database does not answer.
pub const DATABASE_UNAVAILABLE: &str = "DATABASE_UNAVAILABLE";
/// A service behind the one asked does not answer.
pub const UPSTREAM_UNAVAILABLE: &str = "UPSTREAM_UNAVAILABLE";
/// The call's time ran out.
pub const DEADLINE_EXCEEDED: &str = "DEADLINE_EXCEEDED";
/// A fault of ours.
pub const INTERNAL: &str = "INTERNAL";

/// A status that carries `reason`. `message` is for engineers; users never see it.
pub fn status(code: Code, reason: &'static str, message: impl Into<String>) -> Status {
    status_with(code, reason, message, [])
}

/// A status that carries `reason` and some facts about it.
pub fn status_with<const N: usize>(
    code: Code,
    reason: &'static str,
    message: impl Into<String>,
    metadata: [(&str, String); N],
) -> Status {
    let metadata: HashMap<_, _> = metadata.map(|(name, value)| (name.to_owned(), value)).into();
    Status::with_error_details(code, message, ErrorDetails::with_error_info(reason, DOMAIN, metadata))
}

/// A status that also says when to try again.
pub fn status_retry_after(code: Code, reason: &'static str, message: impl Into<String>, after: Duration) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    details.set_retry_info(Some(after));
    Status::with_error_details(code, message, details)
}

/// A request field that breaks its documented rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Invalid {
    /// The field, as the protocol names it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

impl Invalid {
    /// Says that `field` has `problem`.
    pub fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }
}

/// What can be wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is needed and not there, or empty.
    #[error("is missing")]
    Missing,
    /// It has fewer characters than the number.
    #[error("is shorter than {0} characters")]
    TooShort(usize),
    /// It has more characters than the number.
    #[error("is longer than {0} characters")]
    TooLong(usize),
    /// It lies outside the two bounds, themselves included.
    #[error("lies outside {0} to {1}")]
    OutOfRange(i64, i64),
    /// It is a moment that has passed.
    #[error("lies in the past")]
    Past,
    /// It is not of the documented form.
    #[error("is malformed")]
    Malformed,
}

impl Problem {
    /// The problem's stable name and its bounds, for a program to match.
    fn name_and_bounds(self) -> (&'static str, String) {
        match self {
            Self::Missing => ("MISSING", String::new()),
            Self::TooShort(least) => ("TOO_SHORT", least.to_string()),
            Self::TooLong(most) => ("TOO_LONG", most.to_string()),
            Self::OutOfRange(least, most) => ("OUT_OF_RANGE", format!("{least}–{most}")),
            Self::Past => ("PAST", String::new()),
            Self::Malformed => ("MALFORMED", String::new()),
        }
    }
}

impl From<Invalid> for Status {
    fn from(invalid: Invalid) -> Self {
        let (problem, bound) = invalid.problem.name_and_bounds();
        status_with(
            Code::InvalidArgument,
            INVALID_ARGUMENT,
            invalid.to_string(),
            [("field", invalid.field.to_owned()), ("problem", problem.to_owned()), ("bound", bound)],
        )
    }
}

/// The status for a database that fails. What it said is logged here and goes no further.
pub fn database_status(error: &sqlx::Error) -> Status {
    if database_is_away(error) {
        tracing::warn!(%error, "database unavailable");
        status(Code::Unavailable, DATABASE_UNAVAILABLE, "the database does not answer")
    } else {
        tracing::error!(%error, "database error");
        status(Code::Internal, INTERNAL, "internal error")
    }
}

/// Whether the database cannot be used for the moment, whoever asks.
pub(crate) fn database_is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_the_machines(&code)),
        _ => false,
    }
}

/// Whether a code of either engine speaks of the machine and not of the statement.
fn is_the_machines(code: &str) -> bool {
    if let &[first, second, _, _, _] = code.as_bytes() {
        // 08: connection exception; 53: out of resources; 57: shut down by an operator; 58: a fault outside.
        return matches!([first, second], [b'0', b'8'] | [b'5', b'3' | b'7' | b'8']);
    }
    // SQLite's, whose lowest byte is the primary code (https://sqlite.org/rescode.html): busy, locked, I/O, disk full,
    // cannot open.
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13 | 14))
}

/// The status for a call that another service refused or did not answer. Its own reasons pass; anything else, which
/// may name addresses, becomes UPSTREAM_UNAVAILABLE.
pub fn upstream_status(error: Status) -> Status {
    if reason_of(&error).is_some() {
        return error;
    }
    tracing::warn!(code = ?error.code(), message = error.message(), "upstream call failed");
    status(Code::Unavailable, UPSTREAM_UNAVAILABLE, "a service behind this one does not answer")
}

/// What a received status says beyond its code.
#[derive(Clone, Debug, Default)]
pub struct Reason {
    /// In upper snake case.
    pub reason: String,
    /// Facts about it.
    pub metadata: HashMap<String, String>,
    /// When to try again.
    pub retry_after: Option<Duration>,
}

/// Reads what [`status`] wrote; nothing where the status was made by something else.
pub fn reason_of(status: &Status) -> Option<Reason> {
    let details = status.check_error_details().ok()?;
    let info = details.error_info().filter(|info| info.domain == DOMAIN)?;
    Some(Reason {
        reason: info.reason.clone(),
        metadata: info.metadata.clone(),
        retry_after: details.retry_info().and_then(|retry| retry.retry_delay),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_the_wire() {
        let sent = Status::from(Invalid::new("username", Problem::TooLong(32)));
        let reason = reason_of(&sent).unwrap();
        assert_eq!(reason.reason, INVALID_ARGUMENT);
        assert_eq!(reason.metadata["field"], "username");
        assert_eq!(reason.metadata["problem"], "TOO_LONG");
        assert_eq!(reason.metadata["bound"], "32");
    }

    #[test]
    fn a_failing_disk_is_no_fault_of_the_statement() {
        // A write, a sync and a read that failed; a table that is not there; a name that is taken.
        for (code, machines) in [("778", true), ("1034", true), ("266", true), ("1", false), ("2067", false)] {
            assert_eq!(is_the_machines(code), machines, "{code}");
        }
        for (code, machines) in [("57P01", true), ("08006", true), ("53300", true), ("23505", false)] {
            assert_eq!(is_the_machines(code), machines, "{code}");
        }
    }

    #[test]
    fn a_delay_survives_the_wire() {
        let sent = status_retry_after(Code::ResourceExhausted, "BUSY", "busy", Duration::from_secs(3));
        assert_eq!(reason_of(&sent).unwrap().retry_after, Some(Duration::from_secs(3)));
    }

    #[test]
    fn what_a_stranger_said_goes_no_further() {
        let status = upstream_status(Status::unavailable("tcp connect error: 10.0.0.7:50051"));
        assert!(!status.message().contains("10.0"));
        assert_eq!(reason_of(&status).unwrap().reason, UPSTREAM_UNAVAILABLE);
    }
}
