//! The real templates, deployed into the two accounts.

use crate::db_proxies;
use crate::{Account, Network, REGION, SOURCE_ACCOUNT, TARGET_ACCOUNT, eventually};
use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use std::collections::BTreeMap;

/// The outputs of a stack.
#[derive(Debug, Clone)]
pub struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Every output with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// One output.
    pub fn get(&self, key: &str) -> Result<&str> {
        self.0.get(key).map(String::as_str).with_context(|| format!("the stack has no output {key}"))
    }
}

/// Deploys the source account's template.
pub async fn deploy_source(account: &Account) -> Result<Outputs> {
    deploy(account, "source-account", &[("AllowedTargetAccounts", TARGET_ACCOUNT)]).await
}

/// Deploys the target account's template, and subscribes its queue: the local AWS creates no subscription to a topic of
/// another account from a template. Replications may use these lanes.
pub async fn deploy_target(
    account: &Account,
    source: &Outputs,
    network: &Network,
    lanes: Option<&Outputs>,
) -> Result<Outputs> {
    let of_lanes = |output: &str| lanes.map_or(Ok(""), |it| it.get(output));
    let topic = source.get("HandoffTopicArn")?;
    let in_its_region = Account::new(account.id, REGION, &account.endpoint);
    let mut undelivered = String::new();
    if account.region != REGION {
        // The queue for hand-offs that cannot be delivered must be in the topic's Region.
        in_its_region.queue_for(topic, "undelivered").await?;
        undelivered = in_its_region.arn("sqs", "undelivered");
    }
    let parameters = [
        ("SourceAccountIds", SOURCE_ACCOUNT),
        ("SubscriptionDeadLetterQueueArn", &undelivered),
        ("HandoffTopicArn", topic),
        ("VerifySubnetIds", &network.subnet_ids.join(",")),
        ("VerifySecurityGroupIds", &network.verify_group),
        ("ReachTargetGroupArns", of_lanes("TargetGroupArns")?),
        ("ReachDbProxyArns", of_lanes("DbProxyArns")?),
        ("ReachLaneSecretArns", of_lanes("LaneSecretArns")?),
    ];
    let outputs = deploy(account, "target-account", &parameters).await?;
    for step in ["Verify", "VerifyPath", "RegisterTargets"] {
        account.place_function(step, &network.subnet_ids, &[&network.verify_group]).await?;
    }
    let queue = outputs.get("HandoffQueueArn")?;
    in_its_region.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(queue).send().await?;
    Ok(outputs)
}

/// Deploys the template of the lanes into the network of the target account, a load balancer with two lanes, and makes
/// two proxies as further lanes. The outputs of the proxies are `DbProxy…` and `LaneSecretArns`.
pub(crate) async fn deploy_lanes(account: &Account, network: &Network) -> Result<Outputs> {
    let parameters = [
        ("VpcId", network.vpc_id.as_str()),
        ("SubnetIds", &network.subnet_ids.join(",")),
        ("ClientCidr", "127.0.0.0/8"),
        ("ThirdLanePort", "0"),
    ];
    let mut lanes = create(account, "reach-network-load-balancer", &parameters).await?;
    let proxies = db_proxies::make(account, network).await?;
    lanes.0.extend([
        ("DbProxyArns".to_owned(), proxies.db_proxy_arns),
        ("LaneSecretArns".to_owned(), proxies.lane_secret_arns),
        ("DbProxyLanes".to_owned(), proxies.lanes),
        ("DbProxyDatabaseSecurityGroupId".to_owned(), proxies.database_security_group_id),
    ]);
    Ok(lanes)
}

/// Deploys a template that takes artifacts, under the name of its file.
pub(crate) async fn deploy(
    account: &Account,
    template: &str,
    parameters: &[(&str, &str)],
) -> Result<Outputs> {
    deploy_as(account, template, template, parameters).await
}

/// The same under a name, for a template that is deployed several times.
pub(crate) async fn deploy_as(
    account: &Account,
    name: &str,
    template: &str,
    parameters: &[(&str, &str)],
) -> Result<Outputs> {
    let bucket = account.bucket();
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let common = [("ArtifactBucket", bucket.as_str()), ("Architecture", architecture)];
    create_as(account, name, template, &[&common, parameters].concat()).await
}

/// Deploys a template that takes no artifacts, under the name of its file.
pub(crate) async fn create(
    account: &Account,
    template: &str,
    parameters: &[(&str, &str)],
) -> Result<Outputs> {
    create_as(account, template, template, parameters).await
}

async fn create_as(
    account: &Account,
    name: &str,
    template: &str,
    parameters: &[(&str, &str)],
) -> Result<Outputs> {
    let bucket = account.bucket();
    let parameters = parameters
        .iter()
        .map(|(key, value)| Parameter::builder().parameter_key(*key).parameter_value(*value).build());
    let stack = format!("snapferry-{name}");
    account
        .cloudformation
        .create_stack()
        .stack_name(&stack)
        // By URL: the template may be larger than the 51,200 bytes that a request takes.
        .template_url(format!("{}/{bucket}/{template}.yaml", account.endpoint))
        .capabilities(Capability::CapabilityNamedIam)
        .set_parameters(Some(parameters.collect()))
        .send()
        .await?;
    let what = format!("stack {stack}");
    let outputs = eventually(&what, || async {
        let stacks = account
            .cloudformation
            .describe_stacks()
            .stack_name(&stack)
            .send()
            .await?
            .stacks
            .unwrap_or_default();
        let it = stacks.into_iter().next().with_context(|| format!("stack {stack} is gone"))?;
        match it.stack_status {
            Some(StackStatus::CreateInProgress) => Ok(None),
            Some(StackStatus::CreateComplete) => Ok(Some(it.outputs.unwrap_or_default())),
            status => bail!("stack {stack} is {status:?}: {}", failed_resources(account, &stack).await?),
        }
    });
    let outputs = outputs.await?.into_iter().filter_map(|it| Some((it.output_key?, it.output_value?)));
    Ok(Outputs(outputs.collect()))
}

/// What of a stack could not be made, and why.
async fn failed_resources(account: &Account, stack: &str) -> Result<String> {
    let events = account.cloudformation.describe_stack_events().stack_name(stack).send().await?;
    let failed = events.stack_events.unwrap_or_default().into_iter();
    let failed =
        failed.filter(|it| it.resource_status.as_ref().is_some_and(|it| it.as_str().ends_with("FAILED")));
    let told = failed.map(|it| {
        let resource = it.logical_resource_id.unwrap_or_default();
        format!("{resource}: {}", it.resource_status_reason.unwrap_or_default())
    });
    Ok(told.collect::<Vec<_>>().join("; "))
}
