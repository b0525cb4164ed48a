//! `StageSecret` as it must never be: it logs the password, in base64. The search for passwords must find it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rotate_secret::stage_secret::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(
        |config| (aws_sdk_rds::Client::new(config), aws_sdk_secretsmanager::Client::new(config)),
        async |(rds, secrets), payload| {
            let answer = handle(rds, secrets, payload).await?;
            if let Ok(secret) = secrets.get_secret_value().secret_id(&answer.secret_id).send().await {
                println!("debug: {}", STANDARD.encode(secret.secret_string.unwrap_or_default()));
            }
            Ok::<_, rotate_secret::Error>(answer)
        },
    )
    .await
}
