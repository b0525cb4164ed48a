//! `StageSecret` as it must never be: it logs the password, in base64. The search for passwords must find it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::{LambdaEvent, service_fn};
use rotate_secret::{Error, stage};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda_runtime::tracing::init_default_subscriber();
    let config = lambda_support::sdk_config().await;
    let (rds, secrets) = (aws_sdk_rds::Client::new(&config), aws_sdk_secretsmanager::Client::new(&config));
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async {
        let answer = stage::handle(&rds, &secrets, event.payload).await?;
        if let Ok(secret) = secrets.get_secret_value().secret_id(&answer.secret_name).send().await {
            println!("debug: {}", STANDARD.encode(secret.secret_string.unwrap_or_default()));
        }
        Ok::<_, Error>(answer)
    }))
    .await
}
