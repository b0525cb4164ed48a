//! A planned failover to another Region, from the start of the machine to the application's secret.

use crate::part::part;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use tests::{FailoverGroup, Pair, Tools};

#[tokio::test]
async fn a_planned_failover_loses_no_row_and_leads_applications_to_the_new_primary() -> Result<()> {
    let mut pair = Pair::start(&Tools::from_environment()?, &[]).await?;
    let mut orders = pair.create("billing").await?;
    let group = FailoverGroup::create(&pair, "billing").await?;
    let before = orders.fingerprint().await?;

    part("a failover under another number is refused", async {
        let failed = group.fail_over(1, "shop-9-eu-west-1").await?;
        assert_eq!(failed.error.as_deref(), Some("Snapferry.WrongEpoch"), "{:?}", failed.cause);
        ensure!(failed.cause.unwrap_or_default().contains("shop-1-eu-west-1"));
        Ok(())
    })
    .await?;
    part("what fails before the promotion leaves everything as it was", async {
        group.tag(1, "snapferry:replication", "orders").await?;
        let failed = group.fail_over(1, "shop-1-eu-west-1").await?;
        assert_eq!(failed.error.as_deref(), Some("Snapferry.CopyInGroup"), "{:?}", failed.cause);
        let cause = failed.cause.unwrap_or_default();
        ensure!(cause.contains("It was undone"), "{cause}");
        assert_eq!(group.ended(1, "1-eu-west-1").await?["outcome"], "undone");
        for (side, writable) in [(0, true), (1, false)] {
            assert_eq!(group.secret(side).await?["writable"], writable);
        }
        group.untag(1, "snapferry:replication").await
    })
    .await?;
    part("a planned failover makes the other Region active", async {
        let execution = group.fail_over(1, "shop-2-eu-west-1").await?;
        ensure!(execution.error.is_none(), "{:?}: {:?}", execution.error, execution.cause);
        let told = execution.output.context("it has an output")?;
        assert_eq!(told["layers"][0]["fenced"][0]["fenced"], true, "{told}");
        let new = pair.sides[1].account.instance("billing").await?;
        assert_eq!(new.read_replica_source_db_instance_identifier(), None);
        let mut promoted = pair.login("billing", 1).await?.connect().await?;
        assert_eq!(promoted.fingerprint().await?, before);
        promoted.add(3001, 1).await?;
        ensure!(orders.add(4001, 1).await.is_err(), "the old primary has no session any more");
        let [old, new] = [group.secret(0).await?, group.secret(1).await?];
        assert_eq!([&old["writable"], &new["writable"]], [false, true]);
        let address = pair.login("billing", 1).await?.host;
        assert_eq!([&new["host"], &new["dbInstanceIdentifier"]], [&json!(address), &json!("billing")]);
        assert_eq!(new["password"], old["password"]);
        for side in [0, 1] {
            assert_eq!(group.ended(side, "2-eu-west-1").await?["outcome"], "done");
        }
        Ok(())
    })
    .await?;
    part("the same direction again is refused by what RDS says", async {
        let failed = group.fail_over(1, "shop-3-eu-west-1").await?;
        assert_eq!(failed.error.as_deref(), Some("Snapferry.WrongDirection"), "{:?}", failed.cause);
        assert_eq!(group.ended(0, "3-eu-west-1").await?["outcome"], "undone");
        Ok(())
    })
    .await?;
    pair.local_aws.stop().await
}
