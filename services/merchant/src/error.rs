//! What can go wrong in the merchant service, and the status that says so: the only place where a code is chosen.

use chatroom_kit::{
    auth::Unauthenticated,
    error::{INTERNAL, Invalid, database_status, status, upstream_status},
};
use tonic::{Code, Status};

use crate::domain::Refusal;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A field breaks its rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no valid token.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// There is no such page.
    #[error("there is no such merchant page")]
    MerchantNotFound,
    /// A rule of pages forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The caller has an open page.
    #[error("the caller has an open merchant page")]
    OwnsPages,
    /// There is no such user.
    #[error("the customer-service user does not exist")]
    CustomerNotFound,
    /// The caller has no such membership.
    #[error("the caller has no such membership")]
    MembershipNotFound,
    /// The code was never issued, or has expired.
    #[error("the activation code was not issued or has expired")]
    ActivationCodeInvalid,
    /// The code has opened a page already.
    #[error("the activation code has been used")]
    ActivationCodeUsed,
    /// The caller's other requests keep undoing what this one needs.
    #[error("other requests of the caller are in the way")]
    Contended,
    /// Only administrators may do it.
    #[error("only administrators may do this")]
    AdminOnly,
    /// The machine has no random numbers.
    #[error("no random numbers")]
    Random(#[from] aws_lc_rs::error::Unspecified),
    /// The task that derived the codes has failed.
    #[error("the codes could not be derived")]
    Derivation(#[from] tokio::task::JoinError),
    /// Another service refused or did not answer.
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
            Error::MerchantNotFound => status(Code::NotFound, "MERCHANT_NOT_FOUND", message),
            Error::Refused(refusal) => refused(refusal),
            Error::OwnsPages => status(Code::FailedPrecondition, "OWNS_PAGES", message),
            Error::CustomerNotFound => status(Code::NotFound, "CUSTOMER_NOT_FOUND", message),
            Error::MembershipNotFound => status(Code::NotFound, "MEMBERSHIP_NOT_FOUND", message),
            Error::ActivationCodeInvalid => status(Code::PermissionDenied, "ACTIVATION_CODE_INVALID", message),
            Error::ActivationCodeUsed => status(Code::AlreadyExists, "ACTIVATION_CODE_USED", message),
            Error::Contended => status(Code::Aborted, "CONTENDED", message),
            Error::AdminOnly => status(Code::PermissionDenied, "ADMIN_ONLY", message),
            Error::Random(_) | Error::Derivation(_) => status(Code::Internal, INTERNAL, message),
            Error::Upstream(error) => upstream_status(error),
            Error::Database(error) => database_status(&error),
        }
    }
}

fn refused(refusal: Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::NotMerchantOwner => status(Code::PermissionDenied, "NOT_MERCHANT_OWNER", message),
        Refusal::NotCustomer => status(Code::PermissionDenied, "NOT_CUSTOMER", message),
        Refusal::MerchantClosed => status(Code::FailedPrecondition, "MERCHANT_CLOSED", message),
        Refusal::CreatorCannotLeave => status(Code::FailedPrecondition, "CREATOR_CANNOT_LEAVE", message),
        Refusal::PageMemberNotFound => status(Code::NotFound, "PAGE_MEMBER_NOT_FOUND", message),
    }
}
