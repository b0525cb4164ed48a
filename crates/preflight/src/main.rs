//! Function `Preflight`; the work is in `lib.rs`.

use preflight::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clone::clone, handle).await
}
