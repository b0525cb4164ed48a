//! Function `RegisterTargets`; the work is in `register_targets/mod.rs`.

use register_targets::register_targets::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
