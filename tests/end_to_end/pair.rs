//! What a failover needs of the local AWS: two Regions of one account that know nothing of each other but a replica.

use crate::part::part;
use anyhow::{Context, Result, ensure};
use aws_sdk_ssm::types::ParameterType;
use tests::{Flow, Orders, Pair, REGIONS, Tools, eventually};

#[tokio::test]
async fn two_regions_of_an_account_have_a_primary_and_its_replica() -> Result<()> {
    let mut pair = Pair::start(&Tools::from_environment()?, &[]).await?;
    let mut orders = pair.create("billing").await?;
    part("each Region has its own parameters", each_region_has_its_own_parameters(&pair)).await?;
    part(
        "a Region is lost with the rows that were not sent and returns with them",
        a_region_is_lost_with_the_rows_that_were_not_sent_and_returns_with_them(&pair, &mut orders),
    )
    .await?;
    pair.local_aws.stop().await
}

async fn each_region_has_its_own_parameters(pair: &Pair) -> Result<()> {
    for side in &pair.sides {
        let put = side.account.ssm.put_parameter().name("/snapferry/here").r#type(ParameterType::String);
        put.value(side.account.region).send().await?;
    }
    for (side, region) in pair.sides.iter().zip(REGIONS) {
        let get = side.account.ssm.get_parameter().name("/snapferry/here").send().await?;
        assert_eq!(get.parameter.and_then(|it| it.value).as_deref(), Some(region));
    }
    Ok(())
}

async fn a_region_is_lost_with_the_rows_that_were_not_sent_and_returns_with_them(
    pair: &Pair,
    orders: &mut Orders,
) -> Result<()> {
    let sent = orders.fingerprint().await?;
    pair.replication("billing", 1, Flow::Stalls).await?;
    orders.add(2001, 10).await?;
    let written = orders.fingerprint().await?;
    pair.lose(0).await?;
    ensure!(pair.sides[0].account.instance("billing").await.is_err(), "the Region is away");
    let promote = pair.sides[1].account.rds.promote_read_replica().db_instance_identifier("billing");
    promote.send().await?;
    eventually("a promoted replica", || async {
        // While it reboots, it has no source any more.
        let it = pair.sides[1].account.instance_in("billing", "available").await?;
        Ok(it.read_replica_source_db_instance_identifier().is_none().then_some(()))
    })
    .await?;
    let mut promoted = pair.login("billing", 1).await?.connect().await?;
    assert_eq!(promoted.fingerprint().await?, sent);
    promoted.add(3001, 1).await?;
    pair.recover(0).await?;
    let mut old = pair.login("billing", 0).await?.connect().await.context("the old primary is back")?;
    assert_eq!(old.fingerprint().await?, written);
    old.add(4001, 1).await
}
