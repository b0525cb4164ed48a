//! Function `FollowFailover`; the work is in `follow_failover/mod.rs`.

use register_targets::follow_failover::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
