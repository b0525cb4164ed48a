//! Function `Drain`; the work is in `lib.rs`.

use aws_sdk_secretsmanager::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| Client::new(config), drain::handle).await
}
