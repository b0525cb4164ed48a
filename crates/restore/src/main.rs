//! Builds the RDS client once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let rds = aws_sdk_rds::Client::new(&lambda_support::sdk_config().await);
    // `Value`, not `Request`: we parse it ourselves so that bad input gets our error name.
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| restore::handle(&rds, event.payload))).await
}
