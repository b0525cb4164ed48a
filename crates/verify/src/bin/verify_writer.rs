//! Function `VerifyWriter`; the work is in `verify_writer/mod.rs`.

use aws_sdk_secretsmanager::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| Client::new(config), verify::verify_writer::handle).await
}
