//! Function `Fence`; the work is in `fence/mod.rs`.

use fence::fence::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| config.clone(), handle).await
}
