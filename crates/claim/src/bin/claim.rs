//! Function `Claim`; the work is in `claim/`.

use claim::{Clients, claim::handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
