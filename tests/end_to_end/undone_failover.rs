//! A failover to another Region by its machine: what is refused, and what is undone.

use crate::part::part;
use anyhow::{Result, ensure};
use tests::{FailoverGroup, Pair, Tools};

#[tokio::test]
async fn a_failover_that_cannot_be_done_leaves_everything_as_it_was() -> Result<()> {
    let mut pair = Pair::start(&Tools::from_environment()?, &[]).await?;
    pair.create("billing").await?;
    let group = FailoverGroup::create(&pair, "billing").await?;

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
    pair.local_aws.stop().await
}
