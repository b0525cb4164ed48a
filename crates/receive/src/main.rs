//! Builds the clients and reads the account's guard once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let clients = receive::Clients {
        ssm: aws_sdk_ssm::Client::new(&config),
        states: aws_sdk_sfn::Client::new(&config),
        sns: aws_sdk_sns::Client::new(&config),
    };
    let guard = receive::Guard {
        accepted_topic_arns: lambda_support::list_from_environment("SNAPFERRY_ACCEPTED_TOPIC_ARNS"),
        state_machine_arn: std::env::var("SNAPFERRY_TARGET_ACCOUNT_STATE_MACHINE_ARN").unwrap_or_default(),
        operations_topic_arn: std::env::var("SNAPFERRY_OPERATIONS_TOPIC_ARN").unwrap_or_default(),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        receive::handle(&clients, &guard, event.payload)
    }))
    .await
}
