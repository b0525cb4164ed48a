//! The function behind the HTTP API.

use example_application::{Application, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Application::from_environment, handle).await
}
