//! Function `CopyAndReencrypt`; the work is in `lib.rs`.

use copy_and_reencrypt::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(
        |config| (aws_sdk_rds::Client::new(config), aws_sdk_kms::Client::new(config)),
        async |(rds, kms), payload| handle(rds, kms, payload).await,
    )
    .await
}
