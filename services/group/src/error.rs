//! What can go wrong in the group service, and the status that says so: the only place where a code is chosen.

use chatroom_kit::{
    auth::Unauthenticated,
    error::{Invalid, database_status, status, upstream_status},
};
use tonic::{Code, Status};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field breaks its rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no valid token.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// Only the page's creator may do it.
    #[error("only the page's creator may do this")]
    NotMerchantOwner,
    /// The merchant service refused or did not answer.
    #[error("another service failed: {0}")]
    Upstream(#[source] Status),
    /// The database refused or did not answer.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(invalid) => invalid.into(),
            Error::Unauthenticated(unauthenticated) => unauthenticated.into(),
            Error::NotMerchantOwner => status(Code::PermissionDenied, "NOT_MERCHANT_OWNER", message),
            Error::Upstream(error) => upstream_status(error),
            Error::Database(error) => database_status(&error),
        }
    }
}
