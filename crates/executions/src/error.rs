//! Why an execution could not be read.

use aws_sdk_sfn::error::BoxError;

/// An execution could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call failed.
    #[error("{operation} of {execution_arn} failed")]
    CallFailed {
        /// The call.
        operation: &'static str,
        /// The execution.
        execution_arn: String,
        /// What Step Functions answered.
        source: BoxError,
    },
    /// The output is not JSON.
    #[error("the output of {execution_arn} is not JSON")]
    OutputNotJson {
        /// The execution.
        execution_arn: String,
        /// Where the text is wrong.
        source: serde_json::Error,
    },
}

impl Error {
    pub(crate) fn call(operation: &'static str, execution_arn: &str, source: impl Into<BoxError>) -> Self {
        Self::CallFailed { operation, execution_arn: execution_arn.to_owned(), source: source.into() }
    }
}
