//! A call to AWS that did not succeed: whose, which, why, and whether it may succeed a little later.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::fmt;
use step::ErrorName;

/// The services that Snapferry calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the service of that name")]
pub enum Service {
    Rds,
    Kms,
    Sns,
    SecretsManager,
    Ssm,
    Logs,
    Elb,
    Ec2,
    States,
    Lambda,
    CloudFormation,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rds => "RDS",
            Self::Kms => "KMS",
            Self::Sns => "SNS",
            Self::SecretsManager => "Secrets Manager",
            Self::Ssm => "Systems Manager",
            Self::Logs => "CloudWatch Logs",
            Self::Elb => "Elastic Load Balancing",
            Self::Ec2 => "EC2",
            Self::States => "Step Functions",
            Self::Lambda => "Lambda",
            Self::CloudFormation => "CloudFormation",
        })
    }
}

impl Service {
    /// The name of a failure that may be gone a little later.
    fn unavailable(self) -> ErrorName {
        match self {
            Self::Rds => ErrorName::RdsUnavailable,
            Self::Kms => ErrorName::KmsUnavailable,
            Self::Sns => ErrorName::SnsUnavailable,
            Self::SecretsManager => ErrorName::SecretsManagerUnavailable,
            Self::Ssm => ErrorName::SsmUnavailable,
            Self::Logs => ErrorName::LogsUnavailable,
            Self::Elb => ErrorName::ElbUnavailable,
            Self::Ec2 => ErrorName::Ec2Unavailable,
            Self::States => ErrorName::StatesUnavailable,
            Self::Lambda => ErrorName::LambdaUnavailable,
            Self::CloudFormation => ErrorName::CloudFormationUnavailable,
        }
    }

    /// The name of a failure that the same call meets again.
    fn refused(self) -> ErrorName {
        match self {
            Self::Rds => ErrorName::RdsRefused,
            Self::Kms => ErrorName::KmsRefused,
            Self::Sns => ErrorName::SnsRefused,
            Self::SecretsManager => ErrorName::SecretsManagerRefused,
            Self::Ssm => ErrorName::SsmRefused,
            Self::Logs => ErrorName::LogsRefused,
            Self::Elb => ErrorName::ElbRefused,
            Self::Ec2 => ErrorName::Ec2Refused,
            Self::States => ErrorName::StatesRefused,
            Self::Lambda => ErrorName::LambdaRefused,
            Self::CloudFormation => ErrorName::CloudFormationRefused,
        }
    }
}

/// A call that did not succeed. It holds the service's code and message only: never the request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{service} {operation} failed: {code}: {message}")]
pub struct CallFailed {
    /// The service that was called.
    pub service: Service,
    /// The operation's name, as in the service's API.
    pub operation: &'static str,
    /// The service's error code; `NoAnswer` when there was no answer.
    pub code: String,
    /// The service's message.
    pub message: String,
    /// The name that the state machine matches on.
    pub name: ErrorName,
}

impl CallFailed {
    /// A call that was answered by an error, or not at all. `transient` says whether the same call may succeed a little
    /// later.
    pub fn new(
        service: Service,
        operation: &'static str,
        code: impl Into<String>,
        message: impl Into<String>,
        transient: bool,
    ) -> Self {
        let name = if transient { service.unavailable() } else { service.refused() };
        Self { service, operation, code: code.into(), message: message.into(), name }
    }

    /// The name that the state machine matches on.
    pub fn name(&self) -> ErrorName {
        self.name
    }

    /// Whether RDS denied the call. On a resource that was just made and tagged that may pass: tags take minutes to
    /// count in policies. Source: RDS User Guide, "Tagging Amazon RDS resources".
    pub fn is_denied(&self) -> bool {
        self.service == Service::Rds && self.code == "AccessDenied"
    }
}

/// Codes that mean "later" though their HTTP status is 4xx.
///
/// Source: botocore `retries.standard`; RDS's own throttling is `Throttling`, "Rate exceeded", HTTP 400; Lambda Developer
/// Guide, "Lambda function states": while a function wakes up, `ResourceConflictException`, HTTP 409.
const TRANSIENT_CODES: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "Throttled",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
    "RequestTimeout",
    "RequestTimeoutException",
    "KMSInternalException",
    "KMSThrottling",
    "DependencyTimeoutException",
    "ResourceConflictException",
    "InternalServiceError",
    "InternalFailure",
    "ServiceUnavailable",
];

/// Whether an error means "later".
pub(crate) fn is_transient(server_error: bool, code: &str) -> bool {
    server_error || TRANSIENT_CODES.contains(&code)
}

/// Turns the SDK's error into [`CallFailed`].
pub fn call_failed<E>(
    service: Service,
    operation: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> CallFailed
where
    E: ProvideErrorMetadata,
{
    let server_error = error.raw_response().is_some_and(|response| response.status().as_u16() >= 500);
    let (code, message, transient) = match error {
        SdkError::ServiceError(context) => {
            let meta = context.err().meta();
            let code = meta.code().unwrap_or("Unknown").to_owned();
            let transient = is_transient(server_error, &code);
            (code, meta.message().unwrap_or("no message").to_owned(), transient)
        }
        SdkError::TimeoutError(_) => ("NoAnswer".to_owned(), "no answer in time".to_owned(), true),
        SdkError::DispatchFailure(failure) => {
            let transient = !failure.is_user();
            ("NoAnswer".to_owned(), "the connection could not be made or broke".to_owned(), transient)
        }
        SdkError::ResponseError(_) => {
            ("NoAnswer".to_owned(), "the answer could not be read".to_owned(), true)
        }
        _ => ("NotSent".to_owned(), "the request could not be built".to_owned(), false),
    };
    CallFailed::new(service, operation, code, message, transient)
}

/// A look at one thing: `None` when the service says that it does not exist.
pub fn found<T, E>(
    service: Service,
    operation: &'static str,
    answer: Result<T, SdkError<E, HttpResponse>>,
    is_not_found: impl Fn(&E) -> bool,
) -> Result<Option<T>, CallFailed>
where
    E: ProvideErrorMetadata,
{
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.as_service_error().is_some_and(is_not_found) => Ok(None),
        Err(error) => Err(call_failed(service, operation, &error)),
    }
}
