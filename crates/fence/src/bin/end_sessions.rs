//! Function `EndSessions`; the work is in `end_sessions/mod.rs`.

use aws_sdk_secretsmanager::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| Client::new(config), fence::end_sessions::handle).await
}
