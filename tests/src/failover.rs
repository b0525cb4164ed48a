//! A group of one database that can fail over between the Regions of a pair, and the stacks that do it.

use crate::network::POSTGRES;
use crate::stacks::deploy_as;
use crate::{Account, MASTER_PASSWORD, Outputs, Pair, REGIONS, Side, Tools, start};
use anyhow::{Context, Result};
use aws_sdk_rds::types::Tag as RdsTag;
use aws_sdk_secretsmanager::types::Tag;
use aws_sdk_ssm::types::ParameterType;
use executions::Execution;
use serde_json::{Value, json};

/// The group's name.
const GROUP: &str = "shop";
/// The functions that log in to databases.
const IN_THE_VPC: [&str; 3] = ["EndSessions", "Drain", "VerifyWriter"];
/// The application's secret in each Region.
const SECRET: &str = "shop/database";

/// A group with its stack in each Region.
#[derive(Debug)]
pub struct FailoverGroup {
    accounts: [Account; 2],
    outputs: [Outputs; 2],
    identifier: String,
}

impl FailoverGroup {
    /// Deploys the stack in both Regions, and makes a group of the primary and the replica of this name.
    pub async fn create(pair: &Pair, identifier: &str) -> Result<Self> {
        let [one, other] = &pair.sides;
        other.account.upload_artifacts(&Tools::from_environment()?, &[]).await?;
        let (one, other) =
            tokio::try_join!(prepare(one, pair, identifier), prepare(other, pair, identifier))?;
        let accounts = [&pair.sides[0], &pair.sides[1]].map(|it| it.account.clone());
        let group = Self { accounts, outputs: [one.0, other.0], identifier: identifier.to_owned() };
        let rebuild = |side: &Side| json!({"dbSubnetGroupName": "private", "vpcSecurityGroupIds": [side.network.copies_group]});
        let manifest = json!({
            "version": 1, "group": GROUP, "regions": REGIONS,
            "quarantineSecurityGroupIds": {REGIONS[0]: one.1, REGIONS[1]: other.1},
            "layers": [
                {"layer": 1, "resources": [{
                    "kind": "rdsReadReplica", "name": "billing", "masterSecretId": master_secret(identifier),
                    "dbInstance": {REGIONS[0]: identifier, REGIONS[1]: "!Ssm /shop/billing"},
                    "rebuild": {REGIONS[0]: rebuild(&pair.sides[0]), REGIONS[1]: rebuild(&pair.sides[1])},
                }]},
                {"layer": 2, "resources": [{"kind": "secret", "name": "app", "secretId": SECRET, "follows": "billing"}]},
            ],
        });
        for (side, account) in group.accounts.iter().enumerate() {
            put(account, "/snapferry/groups/shop/manifest", &manifest.to_string()).await?;
            put(account, "/shop/billing", identifier).await?;
            group.tag(side, "snapferry:group", GROUP).await?;
        }
        Ok(group)
    }

    /// Makes a side the active one by an execution of this name, and waits for its end.
    pub async fn fail_over(&self, to: usize, name: &str) -> Result<Execution> {
        let machine = self.outputs[to].get("FailOverStateMachineArn")?;
        let input = json!({"group": GROUP, "to": REGIONS[to], "mode": "planned", "reason": "a drill"});
        let arn = start(&self.accounts[to], machine, Some(name.to_owned()), &input).await?;
        self.accounts[to].ended(&arn).await
    }

    /// What the application's secret of a side says.
    pub async fn secret(&self, side: usize) -> Result<Value> {
        let answer = self.accounts[side].secrets.get_secret_value().secret_id(SECRET).send().await?;
        Ok(serde_json::from_str(&answer.secret_string.context("it is a text")?)?)
    }

    /// How an epoch ended, as a side knows it.
    pub async fn ended(&self, side: usize, epoch: &str) -> Result<Value> {
        let name = format!("/snapferry/groups/{GROUP}/epochs/{epoch}/ended");
        let answer = self.accounts[side].ssm.get_parameter().name(name).send().await?;
        let value = answer.parameter.and_then(|it| it.value).context("a parameter has a value")?;
        Ok(serde_json::from_str(&value)?)
    }

    /// Tags the DB instance of a side.
    pub async fn tag(&self, side: usize, key: &str, value: &str) -> Result<()> {
        let account = &self.accounts[side];
        let arn = account.instance(&self.identifier).await?.db_instance_arn.context("RDS names it")?;
        let tag = RdsTag::builder().key(key).value(value).build();
        account.rds.add_tags_to_resource().resource_name(arn).tags(tag).send().await?;
        Ok(())
    }

    /// Takes a tag off the DB instance of a side.
    pub async fn untag(&self, side: usize, key: &str) -> Result<()> {
        let account = &self.accounts[side];
        let arn = account.instance(&self.identifier).await?.db_instance_arn.context("RDS names it")?;
        account.rds.remove_tags_from_resource().resource_name(arn).tag_keys(key).send().await?;
        Ok(())
    }
}

fn master_secret(identifier: &str) -> String {
    format!("shop/{identifier}-master")
}

/// The stack of a side, its quarantine, its secrets, and automated backups. Answers the stack's outputs and the quarantine's
/// security group.
async fn prepare(side: &Side, pair: &Pair, identifier: &str) -> Result<(Outputs, String)> {
    let Side { account, network } = side;
    let subnets = network.subnet_ids.join(",");
    let parameters = [("SubnetIds", subnets.as_str()), ("SecurityGroupIds", &network.verify_group)];
    // The local AWS names roles after their stack, and a role is of all Regions: one stack must not change the other's.
    let name = format!("failover-{}", account.region);
    let outputs = deploy_as(account, &name, "failover", &parameters).await?;
    for function in account.functions().await? {
        let arn = &function.function_arn;
        let is_inside = |step: &&str| {
            arn.contains(&format!("-{step}Function")) || arn.ends_with(":snapferry-end-sessions")
        };
        if IN_THE_VPC.iter().any(is_inside) {
            account.place(arn, &network.subnet_ids, &[&network.verify_group]).await?;
        }
    }
    let quarantine = account.security_group(&network.vpc_id, "quarantine").await?;
    account.let_in(&quarantine, &network.verify_group, POSTGRES).await?;

    let says = pair.login(identifier, 0).await?;
    let login = json!({"username": says.username, "password": MASTER_PASSWORD, "dbname": says.dbname});
    let mut application = login.clone();
    application["writable"] = json!(account.region == REGIONS[0]);
    application["host"] = json!(says.host);
    application["port"] = json!(says.port);
    application["dbInstanceIdentifier"] = json!(identifier);
    for (name, value) in [(master_secret(identifier), login), (SECRET.to_owned(), application)] {
        let tag = Tag::builder().key("snapferry:group").value(GROUP).build();
        let create = account.secrets.create_secret().name(name).secret_string(value.to_string());
        create.tags(tag).send().await?;
    }
    let modify = account.rds.modify_db_instance().db_instance_identifier(identifier);
    let modify = modify.vpc_security_group_ids(&network.copies_group).backup_retention_period(1);
    modify.apply_immediately(true).send().await?;
    account.instance_in(identifier, "available").await?;
    Ok((outputs, quarantine))
}

async fn put(account: &Account, name: &str, value: &str) -> Result<()> {
    let put = account.ssm.put_parameter().name(name).r#type(ParameterType::String);
    put.value(value).send().await?;
    Ok(())
}
