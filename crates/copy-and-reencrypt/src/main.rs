//! Builds the RDS and KMS clients once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let (rds, kms) = (aws_sdk_rds::Client::new(&config), aws_sdk_kms::Client::new(&config));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        copy_and_reencrypt::handle(&rds, &kms, event.payload)
    }))
    .await
}
