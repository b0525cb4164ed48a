//! Everything that a replication needs, on one machine.

use crate::reach;
use crate::run::run_of;
use crate::stacks::deploy_lanes;
use crate::{
    Account, LocalAws, Network, Orders, Outputs, REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT, Tools,
    deploy_source, deploy_target, eventually,
};
use anyhow::{Context, Result};
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;
use aws_sdk_secretsmanager::types::Tag;
use executions::Execution;
use replication::{Handoff, StackDefaults, TargetSettings};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The replication of every rehearsal.
pub const REPLICATION: &str = "orders";
/// How long a second of RDS and of Step Functions lasts in a test, in seconds. Shorter than this, looks cost more than
/// the waits between them.
pub const TIME_SCALE: f64 = 0.005;
/// Its source.
pub const SOURCE_INSTANCE: &str = "orders-prod";
/// The source's master password, which must never reach the target account.
pub const MASTER_PASSWORD: &str = r"production+only%word\'1";

/// Two accounts with their stacks, and a source database.
#[derive(Debug)]
pub struct World {
    /// The source account.
    pub source: Account,
    /// The target account.
    pub target: Account,
    /// The target account's network.
    pub network: Network,
    /// What the source stack says.
    pub source_outputs: Outputs,
    /// What the target stack says.
    pub target_outputs: Outputs,
    /// The local AWS. Last, so that it is dropped after all that uses it.
    pub local_aws: LocalAws,
}

/// What a secret of a database says, and what it takes to log in to one that has no secret.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretSays {
    /// The engine.
    pub engine: String,
    /// The endpoint's address.
    pub host: String,
    /// The endpoint's port.
    pub port: u16,
    /// The DB instance.
    pub db_instance_identifier: String,
    /// The user.
    #[serde(skip_serializing)]
    pub username: String,
    /// The password; never written into a report.
    #[serde(skip_serializing)]
    pub password: String,
    /// The database.
    #[serde(skip_serializing)]
    pub dbname: String,
    /// The local AWS in which the host's name leads somewhere.
    #[serde(skip)]
    pub local_aws: String,
    /// The load balancer, if the port is that of a lane.
    #[serde(skip)]
    pub load_balancer: Option<String>,
}

impl SecretSays {
    /// Reads what a secret of this account says.
    pub fn read(account: &Account, secret: Value) -> serde_json::Result<Self> {
        let says: Self = serde_json::from_value(secret)?;
        let lanes = account.lanes.as_ref().filter(|it| it.target_group_at(says.port).is_ok());
        let load_balancer = lanes.and_then(|it| it.load_balancer().ok()).map(str::to_owned);
        Ok(Self { local_aws: account.endpoint.clone(), load_balancer, ..says })
    }

    /// Logs in with it, as the owner of the shop.
    pub async fn connect(&self) -> Result<Orders> {
        Orders::connect(self).await
    }

    /// Logs in with it to a PostgreSQL, by the load balancer if the port is that of a lane.
    pub async fn session(&self) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host(&self.host).port(self.port);
        let options = options.username(&self.username).password(&self.password).database(&self.dbname);
        match &self.load_balancer {
            Some(name) => reach::connect_at(&self.local_aws, options, name).await,
            None => reach::connect(&self.local_aws, options).await,
        }
    }

    /// Logs in with it by a load balancer of this name. The certificate must still be for the secret's host.
    pub async fn session_by(&self, balancer: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass().host(&self.host).port(self.port);
        let options = options.username(&self.username).password(&self.password).database(&self.dbname);
        reach::connect_at(&self.local_aws, options, balancer).await
    }

    /// Where the host's name leads.
    pub async fn address(&self) -> Result<Ipv4Addr> {
        reach::address_of(&self.local_aws, &self.host).await
    }
}

impl Account {
    /// What a secret of the account says.
    pub async fn secret(&self, secret: &str) -> Result<SecretSays> {
        let answer = self.secrets.get_secret_value().secret_id(secret).send().await?;
        let text = answer.secret_string.with_context(|| format!("{secret} has no text"))?;
        let says = serde_json::from_str(&text).and_then(|says| SecretSays::read(self, says));
        says.with_context(|| format!("{secret} does not lead to a database"))
    }
}

impl World {
    /// A world for a test, at a scale that makes RDS's minutes seconds. `replaced` names zips of functions, each with
    /// the binary that takes its place.
    pub async fn start_with(tools: &Tools, replaced: &[(&str, PathBuf)]) -> Result<Self> {
        Self::start(tools, &tools.checkout.join(".local"), TIME_SCALE, replaced).await
    }

    /// Starts the local AWS below `parent` and deploys both stacks. There is no source database yet.
    pub async fn start(
        tools: &Tools,
        parent: &Path,
        time_scale: f64,
        replaced: &[(&str, PathBuf)],
    ) -> Result<Self> {
        Self::start_across(tools, parent, time_scale, replaced, REGION).await
    }

    /// The same with the target account's stack in this Region. The source account's is in [`REGION`].
    pub async fn start_across(
        tools: &Tools,
        parent: &Path,
        time_scale: f64,
        replaced: &[(&str, PathBuf)],
        target_region: &'static str,
    ) -> Result<Self> {
        let local_aws = LocalAws::start(tools, parent, time_scale).await?;
        Ok(Self::deploy(tools, local_aws, replaced, target_region, false).await?.0)
    }

    pub(crate) async fn deploy(
        tools: &Tools,
        local_aws: LocalAws,
        replaced: &[(&str, PathBuf)],
        target_region: &'static str,
        by_lanes: bool,
    ) -> Result<(Self, Option<Outputs>)> {
        let source = Account::new(SOURCE_ACCOUNT, REGION, &local_aws.endpoint);
        let target = Account::new(TARGET_ACCOUNT, target_region, &local_aws.endpoint);
        tokio::try_join!(source.upload_artifacts(tools, replaced), target.upload_artifacts(tools, replaced))?;
        let source_outputs = deploy_source(&source).await?;
        let network = Network::create(&target).await?;
        let lanes = if by_lanes { Some(deploy_lanes(&target, &network).await?) } else { None };
        let target_outputs = deploy_target(&target, &source_outputs, &network, lanes.as_ref()).await?;
        let subnets = target.rds.create_db_subnet_group().db_subnet_group_name("private");
        let subnets = subnets.db_subnet_group_description("where copies live");
        subnets.set_subnet_ids(Some(network.subnet_ids.clone())).send().await?;
        let world = Self { source, target, network, source_outputs, target_outputs, local_aws };
        world.put_settings(&world.settings()).await?;
        Ok((world, lanes))
    }

    /// The target's settings of the replication.
    pub fn settings(&self) -> Value {
        self.settings_for(SOURCE_INSTANCE)
    }

    /// Settings that accept this source.
    pub fn settings_for(&self, instance: &str) -> Value {
        json!({
            "source": {"accountId": SOURCE_ACCOUNT, "region": REGION, "dbInstanceIdentifier": instance},
            "placement": {
                "dbSubnetGroupName": "private", "vpcSecurityGroupIds": [self.network.copies_group]
            }
        })
    }

    /// Stores the target's settings of the replication.
    pub async fn put_settings(&self, settings: &Value) -> Result<()> {
        self.put_settings_of(REPLICATION, settings).await
    }

    /// Stores the target's settings of any replication.
    pub async fn put_settings_of(&self, replication: &str, settings: &Value) -> Result<()> {
        let put = self.target.ssm.put_parameter().name(format!("/snapferry/replications/{replication}"));
        let put = put.r#type(aws_sdk_ssm::types::ParameterType::String).overwrite(true);
        put.value(settings.to_string()).send().await?;
        Ok(())
    }

    /// The target's settings for the copy of a hand-off, merged as `Receive` passes them on.
    pub fn merged_settings(&self, handoff: &Value) -> Result<Value> {
        let settings: TargetSettings = serde_json::from_value(self.settings())?;
        let handoff: Handoff = serde_json::from_value(handoff.clone())?;
        let stack = StackDefaults {
            application_secret_arn: self.target_outputs.get("ApplicationSecretArn")?.to_owned(),
            kms_key_id: self.target_outputs.get("CopyKeyArn")?.to_owned(),
        };
        Ok(serde_json::to_value(settings.for_copy_of(&handoff, stack)?)?)
    }

    /// Makes another secret that a replication may be told to use; answers its ARN.
    pub async fn create_application_secret(&self, name: &str, value: Option<String>) -> Result<String> {
        let tag = Tag::builder().key("snapferry:application-secret").value("true").build();
        let create = self.target.secrets.create_secret().name(name).set_secret_string(value).tags(tag);
        create.send().await?.arn.context("a secret has an ARN")
    }

    /// Makes the source DB instance, encrypted under the AWS managed key, and fills it; answers a connection to it.
    pub async fn create_source(&self) -> Result<Orders> {
        self.create_instance(SOURCE_INSTANCE, |create| create.storage_encrypted(true)).await
    }

    /// Makes any DB instance in the source account, as `change` wants it.
    pub async fn create_instance(
        &self,
        identifier: &str,
        change: impl FnOnce(CreateDBInstanceFluentBuilder) -> CreateDBInstanceFluentBuilder,
    ) -> Result<Orders> {
        self.request_instance(identifier, change).await?;
        self.fill_instance(identifier).await
    }

    /// Waits for a DB instance of the source account that was asked for, and fills it.
    pub async fn fill_instance(&self, identifier: &str) -> Result<Orders> {
        self.source.fill_instance(identifier).await
    }

    /// Asks for a DB instance in the source account, as `change` wants it, and does not wait for it.
    pub async fn request_instance(
        &self,
        identifier: &str,
        change: impl FnOnce(CreateDBInstanceFluentBuilder) -> CreateDBInstanceFluentBuilder,
    ) -> Result<()> {
        self.source.request_instance(identifier, change).await
    }

    /// The master user's login to a DB instance of the source account.
    pub async fn login(&self, identifier: &str) -> Result<SecretSays> {
        self.source.login(identifier).await
    }

    /// The input of a source execution.
    pub fn input(&self) -> Value {
        self.input_for(REPLICATION, SOURCE_INSTANCE)
    }

    /// The input of a source execution of any replication.
    pub fn input_for(&self, replication: &str, instance: &str) -> Value {
        json!({
            "replication": replication,
            "source": {"dbInstanceIdentifier": instance},
            "targetAccountId": TARGET_ACCOUNT
        })
    }

    /// Starts the source machine as an operator would; answers the execution's ARN.
    pub async fn start_run(&self, input: &Value) -> Result<String> {
        let machine = self.source_outputs.get("SourceAccountStateMachineArn")?;
        let start = self.source.states.start_execution().state_machine_arn(machine).input(input.to_string());
        Ok(start.send().await?.execution_arn)
    }

    /// Waits until the snapshot of a replication's newest run can be seen as available.
    pub async fn snapshot_available(&self, known: &[String]) -> Result<String> {
        eventually("an available source snapshot", || async {
            let describe = self.source.rds.describe_db_snapshots().db_instance_identifier(SOURCE_INSTANCE);
            let describe = describe.snapshot_type("manual");
            let snapshots = describe.send().await?.db_snapshots.unwrap_or_default();
            let new = snapshots.into_iter().find(|it| {
                let identifier = it.db_snapshot_identifier().unwrap_or_default();
                it.status() == Some("available")
                    && !identifier.ends_with("-copy")
                    && !known.iter().any(|k| k == identifier)
            });
            Ok(new.and_then(|it| it.db_snapshot_identifier))
        })
        .await
    }

    /// Waits for both executions of a run that was started: the source's, and the target's that its hand-off starts.
    pub async fn finish_run(&self, source_arn: &str) -> Result<(String, Execution, Execution)> {
        let source = self.source.succeeded(source_arn).await?;
        let (replication, run) = run_of(&source)?;
        let machine = self.target_outputs.get("TargetAccountStateMachineArn")?;
        let arn = self.target.execution_named(machine, &format!("{replication}-{run}")).await?;
        let target = self.target.succeeded(&arn).await?;
        Ok((run, source, target))
    }

    /// The ARN of the application's secret.
    pub fn application_secret_arn(&self) -> Result<&str> {
        self.target_outputs.get("ApplicationSecretArn")
    }

    /// What the application's secret says.
    pub async fn application_secret(&self) -> Result<SecretSays> {
        self.secret(self.application_secret_arn()?).await
    }

    /// What the own secret of a copy says.
    pub async fn secret_of(&self, copy: &str) -> Result<SecretSays> {
        let run = copy.strip_prefix(&format!("{REPLICATION}-")).context("a copy is named after its run")?;
        self.secret(&format!("snapferry/{REPLICATION}/{run}")).await
    }

    /// What a secret of the target account says.
    pub async fn secret(&self, secret: &str) -> Result<SecretSays> {
        self.target.secret(secret).await
    }
}
