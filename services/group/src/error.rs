//! What can go wrong in the group service, and the status that says so: the only place where a code is chosen.

use std::time::Duration;

use chatroom_kit::{
    auth::Unauthenticated,
    error::{INTERNAL, Invalid, Problem, database_status, status, status_retry_after, status_with, upstream_status},
};
use chrono::SecondsFormat;
use tonic::{Code, Status};

use crate::domain::Refusal;

/// When someone whom the service was too busy for may try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
    /// The page is closed.
    #[error("the page is closed")]
    MerchantClosed,
    /// Only those who have joined the page may do it.
    #[error("only members of the page may do this")]
    NotPageMember,
    /// The page's customer-service user has not agreed to be contacted.
    #[error("the page's customer-service user has not agreed to be contacted")]
    CustomerNotServing,
    /// One does not contact oneself.
    #[error("the caller is the page's customer-service user")]
    ContactSelf,
    /// The page has as many webhooks as it may.
    #[error("the page has as many webhooks as it may")]
    WebhookLimitReached,
    /// There is no such webhook of the caller's.
    #[error("there is no such webhook")]
    WebhookNotFound,
    /// The caller has blocked as many users as one may.
    #[error("the caller has blocked as many users as one may")]
    BlockLimitReached,
    /// There is no such report to the caller.
    #[error("there is no such report")]
    ReportNotFound,
    /// Only administrators may do it.
    #[error("only administrators may do this")]
    AdminOnly,
    /// Whether a message may be said cannot be told.
    #[error("the check of messages does not answer")]
    ModerationUnavailable,
    /// The group, or someone's place in it, does not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// More messages wait to be stored than the service accepts.
    #[error("too many messages wait to be stored")]
    Overloaded,
    /// The transaction that several messages shared has failed: the status, made and logged once for all of them.
    #[error("the messages could not be stored: {0}")]
    Batch(Status),
    /// The task that stored the message has failed; it has said why.
    #[error("the message may not have been stored")]
    Lost,
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
            Error::NotMerchantOwner => status(Code::PermissionDenied, "NOT_MERCHANT_OWNER", message),
            Error::MerchantClosed => status(Code::FailedPrecondition, "MERCHANT_CLOSED", message),
            Error::NotPageMember => status(Code::PermissionDenied, "NOT_PAGE_MEMBER", message),
            Error::CustomerNotServing => status(Code::FailedPrecondition, "CUSTOMER_NOT_SERVING", message),
            Error::ContactSelf => status(Code::FailedPrecondition, "CONTACT_SELF", message),
            Error::WebhookLimitReached => status(Code::FailedPrecondition, "WEBHOOK_LIMIT_REACHED", message),
            Error::WebhookNotFound => status(Code::NotFound, "WEBHOOK_NOT_FOUND", message),
            Error::BlockLimitReached => status(Code::FailedPrecondition, "BLOCK_LIMIT_REACHED", message),
            Error::ReportNotFound => status(Code::NotFound, "REPORT_NOT_FOUND", message),
            Error::AdminOnly => status(Code::PermissionDenied, "ADMIN_ONLY", message),
            Error::ModerationUnavailable => {
                status_retry_after(Code::Unavailable, "MODERATION_UNAVAILABLE", message, RETRY_AFTER)
            }
            Error::Refused(refusal) => refused(refusal),
            Error::Overloaded => status_retry_after(Code::Unavailable, "OVERLOADED", message, RETRY_AFTER),
            Error::Batch(status) => status,
            Error::Lost => status(Code::Internal, INTERNAL, message),
            Error::Upstream(error) => upstream_status(error),
            Error::Database(error) => database_status(&error),
        }
    }
}

fn refused(refusal: Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::GroupNotFound => status(Code::NotFound, "GROUP_NOT_FOUND", message),
        Refusal::TooManyGroups => status(Code::FailedPrecondition, "TOO_MANY_GROUPS", message),
        Refusal::GroupDismissed => status(Code::FailedPrecondition, "GROUP_DISMISSED", message),
        Refusal::NotGroupMember => status(Code::PermissionDenied, "NOT_GROUP_MEMBER", message),
        Refusal::MemberNotFound => status(Code::NotFound, "MEMBER_NOT_FOUND", message),
        Refusal::RoleTooLow => status(Code::PermissionDenied, "ROLE_TOO_LOW", message),
        Refusal::Banned => status(Code::PermissionDenied, "BANNED", message),
        Refusal::OwnerCannotLeave => status(Code::FailedPrecondition, "OWNER_CANNOT_LEAVE", message),
        Refusal::ServiceConversation => status(Code::FailedPrecondition, "SERVICE_CONVERSATION", message),
        Refusal::Muted(until) => {
            let until = until.to_rfc3339_opts(SecondsFormat::Millis, true);
            status_with(Code::PermissionDenied, "MUTED", message, [("until", until)])
        }
        Refusal::GroupMuted => status(Code::PermissionDenied, "GROUP_MUTED", message),
        Refusal::MessageNotFound => status(Code::NotFound, "MESSAGE_NOT_FOUND", message),
        Refusal::MessageRecalled => status(Code::FailedPrecondition, "MESSAGE_RECALLED", message),
        Refusal::TooLate => status(Code::FailedPrecondition, "TOO_LATE", message),
        Refusal::Blocked => status(Code::PermissionDenied, "BLOCKED", message),
        Refusal::WordsRefused => status(Code::PermissionDenied, "WORDS_REFUSED", message),
        Refusal::ModerationRefused => status(Code::PermissionDenied, "MODERATION_REFUSED", message),
        Refusal::FileNotFound => status(Code::NotFound, "FILE_NOT_FOUND", message),
        Refusal::NotText => Invalid::new("message", Problem::Malformed).into(),
    }
}
