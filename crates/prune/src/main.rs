//! Function `Prune`; the work is in `lib.rs`.

use prune::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
