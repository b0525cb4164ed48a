//! Function `Guard`; the work is in `lib.rs`.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(|config| config.clone(), guard::handle).await
}
