//! Builds the clients and reads the account's guard once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let (rds, kms) = (aws_sdk_rds::Client::new(&config), aws_sdk_kms::Client::new(&config));
    let sns = aws_sdk_sns::Client::new(&config);
    let allowed = lambda_support::list_from_environment("SNAPFERRY_ALLOWED_TARGET_ACCOUNTS");
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        share::handle(&rds, &kms, &sns, &allowed, event.payload)
    }))
    .await
}
