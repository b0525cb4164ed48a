//! How a hand-off is refused.

use lambda_runtime::Diagnostic;
use lambda_support::{CallFailed, InvalidRequest, UnusableSettings};
use replication::ErrorName;

/// Why a hand-off started nothing.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each message says it")]
pub enum Error {
    #[error(transparent)]
    InvalidRequest(#[from] InvalidRequest),
    #[error("the message is not a notification of a topic: {0}")]
    NotANotification(String),
    #[error("topic {0} is not among those that this stack accepts: correct the stack's HandoffTopicArn")]
    TopicNotAccepted(String),
    #[error("the message holds {bytes} bytes, a hand-off at most {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the message is not a hand-off: {0}")]
    NotAHandoff(#[source] InvalidRequest),
    #[error(
        "the hand-off has version {found}, this receiver accepts {accepted}: deploy the target stack before the source stack"
    )]
    UnknownVersion { found: u32, accepted: u32 },
    #[error("{field} of the hand-off is {found:?}, but {expected:?} by {authority}")]
    Disagrees { field: &'static str, found: String, expected: String, authority: &'static str },
    #[error(transparent)]
    UnusableSettings(#[from] UnusableSettings),
    #[error(
        "execution {arn} of this run ended as {status}: resume it (start {name}-r2 with the same input) or start a new run"
    )]
    RunFailedBefore { arn: String, name: String, status: String },
    #[error("execution {arn} of this run has another hand-off: {found}")]
    OtherHandoff { arn: String, found: String },
    #[error(transparent)]
    Call(#[from] CallFailed),
}

impl Error {
    /// The name that operators read.
    pub fn name(&self) -> ErrorName {
        match self {
            Self::InvalidRequest(_) => ErrorName::InvalidRequest,
            Self::TopicNotAccepted(_) | Self::Disagrees { .. } | Self::OtherHandoff { .. } => {
                ErrorName::HandoffRefused
            }
            Self::NotANotification(_) | Self::NotAHandoff(_) => ErrorName::HandoffNotReadable,
            Self::TooLarge { .. } => ErrorName::HandoffTooLarge,
            Self::UnknownVersion { .. } => ErrorName::HandoffVersionUnknown,
            Self::UnusableSettings(_) => ErrorName::InvalidSettings,
            Self::RunFailedBefore { .. } => ErrorName::RunFailedBefore,
            Self::Call(call) => call.name(),
        }
    }
}

impl From<Error> for Diagnostic {
    fn from(error: Error) -> Self {
        lambda_support::diagnostic(error.name(), &error)
    }
}
