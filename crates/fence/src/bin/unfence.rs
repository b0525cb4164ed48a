//! Function `Unfence`; the work is in `unfence/mod.rs`.

use fence::unfence::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| config.clone(), handle).await
}
