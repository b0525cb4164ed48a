//! The local RDS, driven by a client that nobody here wrote.

use anyhow::Result;
use tests::{LocalAws, TIME_SCALE, Tools};
use tokio::process::Command;

// Rule of AWS: answers and errors have the shapes and codes of botocore's model.
// Rule of AWS: lists come in pages of 20 to 100, identifiers in lower case.
#[tokio::test]
async fn boto3_goes_through_the_life_of_a_snapshot_and_botocores_model_knows_every_answer() -> Result<()> {
    let tools = Tools::from_environment()?;
    let mut local_aws = LocalAws::start(&tools, &tools.checkout.join(".local"), TIME_SCALE).await?;
    let script = tools.checkout.join("tests/boto3/life_cycle.py");
    let python = Command::new(tools.ministack.with_file_name("python"))
        .arg(script)
        .env("AWS_ENDPOINT_URL", &local_aws.endpoint)
        // boto3 follows AWS_ENDPOINT_URL for every service but RDS in us-east-1, which needs its own variable.
        .env("AWS_ENDPOINT_URL_RDS", &local_aws.endpoint)
        .output()
        .await?;
    println!("{}{}", String::from_utf8_lossy(&python.stdout), String::from_utf8_lossy(&python.stderr));
    assert!(python.status.success());
    local_aws.stop().await
}
