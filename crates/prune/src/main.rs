//! Function `Prune`; the work is in `lib.rs`.

use prune::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(
        |config| (aws_sdk_rds::Client::new(config), aws_sdk_secretsmanager::Client::new(config)),
        async |(rds, secrets), payload| handle(rds, secrets, payload).await,
    )
    .await
}
