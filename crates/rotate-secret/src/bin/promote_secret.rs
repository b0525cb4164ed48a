//! Function `PromoteSecret`; the work is in `promote_secret/mod.rs`.

use rotate_secret::promote_secret::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
