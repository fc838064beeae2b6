//! What can go wrong in the file service, and the status that says so: the only place where a code is chosen.

use std::time::Duration;

use aws_sdk_s3::error::DisplayErrorContext;
use chatroom_kit::{
    auth::Unauthenticated,
    error::{DEADLINE_EXCEEDED, INTERNAL, Invalid, status, status_retry_after, status_with},
};
use tonic::{Code, Status};

use crate::store::StoreError;

/// When to try again where too many uploads are under way.
const OVERLOAD_PASSES: Duration = Duration::from_secs(2);

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field breaks its rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no valid token.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The file is of no kind that is taken.
    #[error("files of this type are not taken")]
    UnsupportedFileType,
    /// The file is larger than any that is taken.
    #[error("the file is larger than {limit} bytes")]
    FileTooLarge {
        /// The size of the largest file that is taken.
        limit: u64,
    },
    /// The caller has uploaded as much as one may in a day.
    #[error("the day's upload volume is used up")]
    DailyVolumeExceeded {
        /// How long the day still lasts.
        retry_after: Duration,
    },
    /// As many uploads are under way as the process takes at once.
    #[error("too many uploads are under way")]
    Overloaded,
    /// As many of the caller's uploads are under way as one user may have.
    #[error("too many uploads of the same user are under way")]
    TooManyOfOneUser,
    /// The caller has sent nothing for too long.
    #[error("the upload has stalled")]
    Stalled,
    /// There is no such file.
    #[error("there is no such file")]
    FileNotFound,
    /// The file has none of the bytes asked for.
    #[error("the file has {size} bytes, none of them in the range")]
    RangeNotSatisfiable {
        /// The size of the file.
        size: u64,
    },
    /// The machine has no random numbers.
    #[error("no random numbers")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The object store refused or did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(invalid) => invalid.into(),
            Error::Unauthenticated(unauthenticated) => unauthenticated.into(),
            Error::UnsupportedFileType => status(Code::InvalidArgument, "UNSUPPORTED_FILE_TYPE", message),
            Error::FileTooLarge { limit } => {
                status_with(Code::ResourceExhausted, "FILE_TOO_LARGE", message, [("limit", limit.to_string())])
            }
            Error::DailyVolumeExceeded { retry_after } => {
                status_retry_after(Code::ResourceExhausted, "DAILY_VOLUME_EXCEEDED", message, retry_after)
            }
            Error::Overloaded => status_retry_after(Code::Unavailable, "OVERLOADED", message, OVERLOAD_PASSES),
            Error::TooManyOfOneUser => {
                status_retry_after(Code::ResourceExhausted, "RATE_LIMITED", message, OVERLOAD_PASSES)
            }
            Error::Stalled => status(Code::DeadlineExceeded, DEADLINE_EXCEEDED, message),
            Error::FileNotFound => status(Code::NotFound, "FILE_NOT_FOUND", message),
            Error::RangeNotSatisfiable { size } => {
                status_with(Code::OutOfRange, "RANGE_NOT_SATISFIABLE", message, [("size", size.to_string())])
            }
            Error::Random(_) => status(Code::Internal, INTERNAL, message),
            Error::Store(error) => {
                tracing::warn!(error = %DisplayErrorContext(&error), "object store failed");
                status(Code::Unavailable, "STORAGE_UNAVAILABLE", message)
            }
        }
    }
}
