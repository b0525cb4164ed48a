//! Function `Share`; the work is in `lib.rs`.

use share::{Clients, handle};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    let allowed = lambda_support::list_from_environment("SNAPFERRY_ALLOWED_TARGET_ACCOUNTS");
    lambda_support::serve(Clients::new, async |clients, payload| handle(clients, &allowed, payload).await)
        .await
}
