//! Function `StageSecret`; the work is in `stage_secret/mod.rs`.

use rotate_secret::stage_secret::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(
        |config| (aws_sdk_rds::Client::new(config), aws_sdk_secretsmanager::Client::new(config)),
        async |(rds, secrets), payload| handle(rds, secrets, payload).await,
    )
    .await
}
