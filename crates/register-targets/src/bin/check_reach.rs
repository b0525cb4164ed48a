//! Function `CheckReach`; the work is in `check_reach/mod.rs`.

use register_targets::check_reach::handle;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_support::Error> {
    lambda_support::serve(
        |config| (aws_sdk_elasticloadbalancingv2::Client::new(config), aws_sdk_rds::Client::new(config)),
        async |(elb, rds), payload| handle(elb, rds, payload).await,
    )
    .await
}
