//! Function `End`; the work is in `end/`.

use claim::{Clients, end::handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(Clients::new, handle).await
}
