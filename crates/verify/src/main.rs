//! Builds the Secrets Manager client once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let secrets = aws_sdk_secretsmanager::Client::new(&lambda_support::sdk_config().await);
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| verify::handle(&secrets, event.payload))).await
}
