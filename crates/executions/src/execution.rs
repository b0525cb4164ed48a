//! An execution that ended: how, with what output, and by which steps.

use crate::history::events_since;
use crate::{Error, Failure, Followed, Step};
use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

/// One execution, ended.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Its ARN.
    pub arn: String,
    /// How it ended.
    pub status: ExecutionStatus,
    /// Its output.
    pub output: Option<Value>,
    /// The error's name, when it failed.
    pub error: Option<String>,
    /// The error's cause, when it failed, as Step Functions gives it.
    pub cause: Option<String>,
    /// Its steps in the order they began.
    pub steps: Vec<Step>,
    stopped_at: String,
}

impl Execution {
    /// The execution, if it has ended; `None` while it runs.
    pub async fn if_ended(states: &Client, execution_arn: &str) -> Result<Option<Self>, Error> {
        let it = states.describe_execution().execution_arn(execution_arn).send().await;
        let it = it.map_err(|error| Error::call("DescribeExecution", execution_arn, error))?;
        if it.status == ExecutionStatus::Running {
            return Ok(None);
        }
        let output = it.output.as_deref().map(serde_json::from_str).transpose();
        let output = output
            .map_err(|source| Error::OutputNotJson { execution_arn: execution_arn.to_owned(), source })?;
        let mut followed = Followed::default();
        followed.take(&events_since(states, execution_arn, 0).await?.unwrap_or_default());
        Ok(Some(Self {
            arn: execution_arn.to_owned(),
            status: it.status,
            output,
            error: it.error,
            cause: it.cause,
            steps: followed.summary(),
            stopped_at: followed.stopped_at().to_owned(),
        }))
    }

    /// Why it failed; `None` when it succeeded.
    pub fn failure(&self) -> Option<Failure> {
        if self.status == ExecutionStatus::Succeeded {
            return None;
        }
        let error = self.error.as_deref().unwrap_or(self.status.as_str());
        Some(Failure::new(&self.stopped_at, error, self.cause.as_deref().unwrap_or_default()))
    }
}

/// Whether Step Functions knows this execution.
pub async fn exists(states: &Client, execution_arn: &str) -> Result<bool, Error> {
    match states.describe_execution().execution_arn(execution_arn).send().await {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_does_not_exist()) => {
            Ok(false)
        }
        Err(error) => Err(Error::call("DescribeExecution", execution_arn, error)),
    }
}
