//! What can go wrong in the user service, and the status that says so: the only place where a code is chosen, but for
//! the two that the kit has chosen for every service, a field that breaks its rule and a missing token.

use std::time::Duration;

use argon2::password_hash;
use chatroom_kit::{
    auth::Unauthenticated,
    error::{INTERNAL, Invalid, database_status, status, status_retry_after, upstream_status},
};
use tonic::{Code, Status};

/// When a caller that found the service overloaded should try again.
const OVERLOADED_RETRY: Duration = Duration::from_secs(1);

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field breaks its rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Somebody else bears the name.
    #[error("the name is taken")]
    UsernameTaken,
    /// The name is unknown or the password wrong; which of the two is not said.
    #[error("the name or the password is wrong")]
    InvalidCredentials,
    /// The old password is not the caller's.
    #[error("the old password is wrong")]
    PasswordWrong,
    /// An administrator has disabled the account.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Only administrators may do it.
    #[error("only administrators may do this")]
    AdminOnly,
    /// Nobody may do it to themself.
    #[error("nobody may do this to their own account")]
    OwnAccount,
    /// The picture is none of the caller's uploads.
    #[error("the file is not there, or not the caller's")]
    FileNotFound,
    /// Another service refused or did not answer.
    #[error("another service failed: {0}")]
    Upstream(#[source] Status),
    /// Too many attempts have failed.
    #[error("too many attempts have failed")]
    TooManyAttempts {
        /// When the next one is let through.
        retry_after: Duration,
    },
    /// A service does not prove itself.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// There is no such user.
    #[error("there is no such user")]
    UserNotFound,
    /// More passwords wait to be hashed than can be soon.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// A hash cannot be computed or is none of ours.
    #[error("password hashing failed: {0}")]
    Hashing(#[from] password_hash::Error),
    /// A token cannot be signed.
    #[error("token signing failed: {0}")]
    Signing(#[from] jsonwebtoken::errors::Error),
    /// The machine has no random numbers.
    #[error("no random numbers")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(invalid) => invalid.into(),
            Error::UsernameTaken => status(Code::AlreadyExists, "USERNAME_TAKEN", message),
            Error::InvalidCredentials => status(Code::Unauthenticated, "INVALID_CREDENTIALS", message),
            Error::PasswordWrong => status(Code::PermissionDenied, "PASSWORD_WRONG", message),
            Error::AccountDisabled => status(Code::PermissionDenied, "ACCOUNT_DISABLED", message),
            Error::AdminOnly => status(Code::PermissionDenied, "ADMIN_ONLY", message),
            Error::OwnAccount => status(Code::FailedPrecondition, "OWN_ACCOUNT", message),
            Error::FileNotFound => status(Code::NotFound, "FILE_NOT_FOUND", message),
            Error::TooManyAttempts { retry_after } => {
                status_retry_after(Code::ResourceExhausted, "TOO_MANY_ATTEMPTS", message, retry_after)
            }
            Error::Unauthenticated(unauthenticated) => unauthenticated.into(),
            Error::UserNotFound => status(Code::NotFound, "USER_NOT_FOUND", message),
            Error::Overloaded => status_retry_after(Code::Unavailable, "OVERLOADED", message, OVERLOADED_RETRY),
            Error::Hashing(_) | Error::Signing(_) | Error::Random(_) => {
                tracing::error!(error = message, "internal error");
                status(Code::Internal, INTERNAL, "internal error")
            }
            Error::Upstream(error) => upstream_status(error),
            Error::Database(error) => database_status(&error),
        }
    }
}
