//! Function `Receive`; the work is in `lib.rs`.

use receive::{Clients, Guard, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    let guard = Guard::from_environment();
    lambda_support::serve(Clients::new, async |clients, payload| handle(clients, &guard, payload).await).await
}
