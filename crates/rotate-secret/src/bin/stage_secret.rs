//! Function of that name: builds the clients once per cold start; the work is in `stage/mod.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let (rds, secrets) = (aws_sdk_rds::Client::new(&config), aws_sdk_secretsmanager::Client::new(&config));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
        rotate_secret::stage::handle(&rds, &secrets, event.payload)
    }))
    .await
}
