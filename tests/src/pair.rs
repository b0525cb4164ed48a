//! One account in two Regions, with a primary in the first and its read replica in the second.

use crate::{Account, LocalAws, Network, Orders, SecretSays, Tools, eventually};
use anyhow::{Context, Result};
use aws_sdk_rds::types::DbInstance;
use serde_json::{Value, json};
use std::path::PathBuf;

/// The account of every pair.
const ACCOUNT: &str = "333333333333";
/// The Regions, in alphabetical order.
pub const REGIONS: [&str; 2] = ["eu-central-1", "eu-west-1"];
/// How fine the time of a pair is, unless a test says otherwise.
const TIME_SCALE: f64 = 0.005;

/// Two Regions of one account, each with a network, and nothing else at first.
#[derive(Debug)]
pub struct Pair {
    /// The sides: each is active in its turn.
    pub sides: [Side; 2],
    /// The local AWS. Last, so that it is dropped after all that uses it.
    pub local_aws: LocalAws,
}

/// One of the two Regions.
#[derive(Debug, Clone)]
pub struct Side {
    /// The account in this Region.
    pub account: Account,
    /// Its network there. `copies_group` is the group of databases, `verify_group` that of functions.
    pub network: Network,
}

/// How the changes of a primary reach its replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Flows,
    /// Nothing passes: the replica lags. What waits is lost if the Region of the primary is lost then.
    Stalls,
    /// There is no connection.
    IsCut,
}

impl Pair {
    /// Starts a local AWS with both Regions. `replaced` names zips of functions, each with the binary that takes its place.
    pub async fn start(tools: &Tools, replaced: &[(&str, PathBuf)]) -> Result<Self> {
        Self::start_at(tools, replaced, TIME_SCALE).await
    }

    /// The same at another time scale.
    pub async fn start_at(tools: &Tools, replaced: &[(&str, PathBuf)], time_scale: f64) -> Result<Self> {
        let local_aws = LocalAws::start(tools, &tools.checkout.join(".local"), time_scale).await?;
        let accounts = REGIONS.map(|region| Account::new(ACCOUNT, region, &local_aws.endpoint));
        // The artifacts are in one bucket for both: the name of a bucket is that of the account.
        accounts[0].upload_artifacts(tools, replaced).await?;
        let [one, other] = accounts.map(Side::create);
        let (one, other) = tokio::try_join!(one, other)?;
        Ok(Self { sides: [one, other], local_aws })
    }

    /// Makes a primary of this name in the first Region, with rows, and a replica of the same name in the second. Answers a
    /// connection to the primary.
    pub async fn create(&self, name: &str) -> Result<Orders> {
        let [one, _] = &self.sides;
        one.account.request_instance(name, |create| create.backup_retention_period(1)).await?;
        let mut orders = one.account.fill_instance(name).await?;
        one.account.instance_in(name, "available").await?;
        self.replicate(name, 1).await?;
        let rows = orders.fingerprint().await?;
        eventually(&format!("the rows of {name} in its replica"), || async {
            let replica = self.sides[1].account.login(name).await?.connect().await;
            let seen = match replica {
                Ok(mut replica) => replica.fingerprint().await.ok(),
                Err(_) => None,
            };
            Ok(seen.filter(|it| *it == rows))
        })
        .await?;
        Ok(orders)
    }

    /// Makes a replica in this side of the DB instance of the same name in the other side, and waits for it.
    pub async fn replicate(&self, name: &str, to: usize) -> Result<DbInstance> {
        let (from, to) = (&self.sides[1 - to], &self.sides[to]);
        let source = from.account.instance(name).await?.db_instance_arn.context("RDS names it")?;
        let create = to.account.rds.create_db_instance_read_replica().db_instance_identifier(name);
        let create = create.source_db_instance_identifier(source).db_subnet_group_name("private");
        create.vpc_security_group_ids(&to.network.copies_group).send().await?;
        to.account.instance_in(name, "available").await
    }

    /// The master user's login to the DB instance of this name in a side.
    pub async fn login(&self, name: &str, side: usize) -> Result<SecretSays> {
        self.sides[side].account.login(name).await
    }

    /// Lets the changes of a primary reach the replica of this name in a side, or not, from now on.
    pub async fn replication(&self, name: &str, side: usize, flow: Flow) -> Result<()> {
        let flow = match flow {
            Flow::Flows => "flows",
            Flow::Stalls => "stalls",
            Flow::IsCut => "isCut",
        };
        let order = json!({"accountId": ACCOUNT, "region": REGIONS[side], "dbInstanceIdentifier": name, "flow": flow});
        self.local_aws.order("replication", &order).await
    }

    /// The Region of a side is lost: no call is answered, and its servers are killed.
    pub async fn lose(&self, side: usize) -> Result<()> {
        self.outage(side, json!({"calls": "close", "servers": "stop", "metricsAreSilent": true})).await
    }

    /// A part of the Region of a side is lost. The local AWS says what the words mean.
    pub async fn outage(&self, side: usize, mut what: Value) -> Result<()> {
        what["region"] = json!(REGIONS[side]);
        self.local_aws.order("outages", &what).await
    }

    /// The Region of a side returns, with its databases as they were.
    pub async fn recover(&self, side: usize) -> Result<()> {
        self.local_aws.end_outage(REGIONS[side]).await
    }
}

impl Side {
    async fn create(account: Account) -> Result<Self> {
        let network = Network::create(&account).await?;
        let group = account.rds.create_db_subnet_group().db_subnet_group_name("private");
        let group = group.db_subnet_group_description("where databases live");
        group.set_subnet_ids(Some(network.subnet_ids.clone())).send().await?;
        Ok(Self { account, network })
    }
}
