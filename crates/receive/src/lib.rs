//! Function `Receive`, between the accounts: checks hand-offs and starts the target execution of each, once.

mod error;
pub mod plan;

pub use error::Error;

use jiff::Timestamp;
use lambda_support::{
    Config, Service, SignedClient, call_failed, find_parameter, list_from_environment, text_from_environment,
};
use plan::{Refusal, accept, can_be_verified, is_reported, known, read_handoff, refusal};
use replication::{CopySettings, Handoff, Reach, StackDefaults, TargetSettings, UnusableSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use step::parse;

/// What the stack's environment says of the account.
#[derive(Debug)]
pub struct Guard {
    /// The topics whose hand-offs are accepted.
    pub accepted_topic_arns: Vec<String>,
    /// The machine to start.
    pub state_machine_arn: String,
    /// Where refused hand-offs are reported: no execution fails because of them.
    pub operations_topic_arn: String,
    /// The subnets of Verify; empty when it is in no VPC.
    pub verify_subnet_ids: Vec<String>,
    /// The target groups that lanes may use.
    pub reach_target_group_arns: Vec<String>,
    /// The lane secrets that lanes may use.
    pub reach_lane_secret_arns: Vec<String>,
    /// What a replication gets that has no secret or key of its own.
    pub defaults: StackDefaults,
}

impl Guard {
    /// Reads it from the function's environment.
    pub fn from_environment() -> Self {
        Self {
            accepted_topic_arns: list_from_environment("SNAPFERRY_ACCEPTED_TOPIC_ARNS"),
            state_machine_arn: text_from_environment("SNAPFERRY_TARGET_ACCOUNT_STATE_MACHINE_ARN"),
            operations_topic_arn: text_from_environment("SNAPFERRY_OPERATIONS_TOPIC_ARN"),
            verify_subnet_ids: list_from_environment("SNAPFERRY_VERIFY_SUBNET_IDS"),
            reach_target_group_arns: list_from_environment("SNAPFERRY_REACH_TARGET_GROUP_ARNS"),
            reach_lane_secret_arns: list_from_environment("SNAPFERRY_REACH_LANE_SECRET_ARNS"),
            defaults: StackDefaults {
                application_secret_arn: text_from_environment("SNAPFERRY_APPLICATION_SECRET_ARN"),
                kms_key_id: text_from_environment("SNAPFERRY_COPY_KEY_ARN"),
            },
        }
    }
}

/// The clients of this function.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "each client is of the service of that name")]
pub struct Clients {
    pub ssm: SignedClient,
    pub states: aws_sdk_sfn::Client,
    pub sns: aws_sdk_sns::Client,
}

impl Clients {
    /// All of them, once per cold start.
    pub fn new(config: &Config) -> Self {
        Self {
            ssm: SignedClient::ssm(config),
            states: aws_sdk_sfn::Client::new(config),
            sns: aws_sdk_sns::Client::new(config),
        }
    }
}

/// A batch of SQS messages, as the event source mapping delivers it.
#[derive(Debug, Deserialize)]
struct Batch {
    #[serde(rename = "Records")]
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: String,
    #[serde(default)]
    attributes: Attributes,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Attributes {
    approximate_receive_count: String,
}

/// The messages that failed: SQS delivers them again, and at last to the dead-letter queue.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// One for each.
    pub batch_item_failures: Vec<BatchItemFailure>,
}

/// One message that failed.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    /// Its message id.
    pub item_identifier: String,
}

/// Starts the target execution of each hand-off, by the run's name, so that a hand-off delivered twice starts one.
///
/// A message that is refused for good is reported to the operations topic at its first delivery, and goes to the
/// dead-letter queue in the end; the others of its batch are left alone. The settings are merged here, once: the target
/// execution's input leaves nothing open.
/// Errors: only `Snapferry.InvalidRequest`, for an event that is not a batch of SQS messages.
/// Source: SSM API `GetParameter`; Step Functions API `StartExecution`, `DescribeExecution`; SNS API `Publish`; Lambda
/// Developer Guide, "Reporting batch item failures".
pub async fn handle(clients: &Clients, guard: &Guard, payload: Value) -> Result<Response, Error> {
    let batch: Batch = parse(payload)?;
    let mut batch_item_failures = Vec::new();
    for Record { message_id, body, attributes } in batch.records {
        let Err(error) = receive(clients, guard, &body).await else { continue };
        let diagnostic = lambda_support::diagnostic(error.name(), &error);
        if is_reported(error.name(), &attributes.approximate_receive_count) {
            let refusal = refusal(error.name(), &diagnostic.error_message, &message_id);
            publish(clients, guard, &message_id, refusal).await;
        }
        batch_item_failures.push(BatchItemFailure { item_identifier: message_id });
    }
    Ok(Response { batch_item_failures })
}

async fn receive(clients: &Clients, guard: &Guard, body: &str) -> Result<(), Error> {
    let handoff = read_handoff(body, &guard.accepted_topic_arns)?;
    let parameter = find_parameter(&clients.ssm, &handoff.replication.settings_parameter()).await?;
    let settings = TargetSettings::read(&handoff.replication, parameter.as_deref())?;
    accept(&handoff, &settings, Timestamp::now())?;
    let unusable = |source| UnusableSettings::of(&handoff.replication, source);
    can_be_verified(&settings.placement, &guard.verify_subnet_ids).map_err(unusable)?;
    let within = |it: &Reach| it.within(&guard.reach_target_group_arns, &guard.reach_lane_secret_arns);
    settings.reach.as_ref().map_or(Ok(()), within).map_err(unusable)?;
    let settings = settings.for_copy_of(&handoff, guard.defaults.clone()).map_err(unusable)?;
    start(&clients.states, &guard.state_machine_arn, &handoff, &settings).await
}

/// A report that cannot be published is logged: the message still ends in the dead-letter queue, which has an alarm.
async fn publish(clients: &Clients, guard: &Guard, message_id: &str, refusal: Refusal) {
    let publish = clients.sns.publish().topic_arn(&guard.operations_topic_arn);
    if let Err(error) = publish.subject(refusal.subject).message(refusal.message).send().await {
        let failed = call_failed(Service::Sns, "Publish", &error);
        tracing::error!(message_id, %failed, "the refusal could not be reported");
    }
}

async fn start(
    states: &aws_sdk_sfn::Client,
    state_machine_arn: &str,
    handoff: &Handoff,
    settings: &CopySettings,
) -> Result<(), Error> {
    let name = handoff.run().identifier();
    let input = json!({ "handoff": handoff, "settings": settings }).to_string();
    let answer =
        states.start_execution().state_machine_arn(state_machine_arn).name(&name).input(input).send().await;
    match answer {
        Ok(started) => {
            tracing::info!(execution_arn = started.execution_arn, "started the target execution");
            Ok(())
        }
        Err(error) if error.as_service_error().is_some_and(|it| it.is_execution_already_exists()) => {
            // arn:…:stateMachine:<machine> -> arn:…:execution:<machine>:<name>
            let arn = format!("{}:{name}", state_machine_arn.replacen(":stateMachine:", ":execution:", 1));
            look_at_known(states, &arn, &name, handoff).await
        }
        Err(error) => Err(call_failed(Service::States, "StartExecution", &error).into()),
    }
}

async fn look_at_known(
    states: &aws_sdk_sfn::Client,
    arn: &str,
    name: &str,
    handoff: &Handoff,
) -> Result<(), Error> {
    #[derive(Deserialize)]
    struct Input {
        handoff: Handoff,
    }
    let execution = states.describe_execution().execution_arn(arn).send().await;
    let execution = execution.map_err(|error| call_failed(Service::States, "DescribeExecution", &error))?;
    let input: Option<Input> = execution.input().and_then(|text| serde_json::from_str(text).ok());
    known(arn, name, execution.status().as_str(), input.as_ref().map(|it| &it.handoff), handoff)?;
    tracing::info!(execution_arn = arn, "the hand-off is a duplicate");
    Ok(())
}
