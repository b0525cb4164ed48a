//! Builds the clients once per cold start; the work is in `lib.rs`.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let clients = choose_copy::Clients {
        rds: aws_sdk_rds::Client::new(&config),
        secrets: aws_sdk_secretsmanager::Client::new(&config),
        ssm: aws_sdk_ssm::Client::new(&config),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| choose_copy::handle(&clients, event.payload)))
        .await
}
