//! Function `Resolve`; the work is in `lib.rs`.

use resolve::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
