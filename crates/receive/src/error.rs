//! How a hand-off is refused.

use replication::UnusableSettings;
use step::InvalidRequest;

lambda_support::failures! {
    /// Why a hand-off started nothing.
    pub enum Error {
        #[error("the message is not a notification of a topic: {0}")]
        NotANotification(String) => HandoffNotReadable,
        #[error("topic {0} is not among those that this stack accepts: correct the stack's HandoffTopicArn")]
        TopicNotAccepted(String) => HandoffRefused,
        #[error("the message holds {bytes} bytes, a hand-off at most {limit}")]
        TooLarge { bytes: usize, limit: usize } => HandoffTooLarge,
        #[error("the message is not a hand-off: {0}")]
        NotAHandoff(#[source] InvalidRequest) => HandoffNotReadable,
        #[error("the hand-off has version {found}, this receiver accepts {accepted}: deploy the target stack before the source stack")]
        UnknownVersion { found: u32, accepted: u32 } => HandoffVersionUnknown,
        #[error("{field} of the hand-off is {found:?}, but {authority} says {expected:?}")]
        Disagrees { field: &'static str, found: String, expected: String, authority: &'static str } => HandoffRefused,
        #[error("execution {arn} of this run ended as {status}: resume it (start {name}-r2 with the same input), or start a new run")]
        RunFailedBefore { arn: String, name: String, status: String } => RunFailedBefore,
        #[error("execution {arn} of this run has another hand-off: {found}")]
        OtherHandoff { arn: String, found: String } => HandoffRefused,
    }
    from { UnusableSettings(UnusableSettings) }
}
