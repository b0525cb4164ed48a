//! Builds the SNS client once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let sns = aws_sdk_sns::Client::new(&lambda_support::sdk_config().await);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| report::handle(&sns, event.payload))).await
}
