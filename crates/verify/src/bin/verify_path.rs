//! Function `VerifyPath`; the work is in `verify_path.rs`.

use aws_sdk_secretsmanager::Client;
use verify::verify_path::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| Client::new(config), handle).await
}
