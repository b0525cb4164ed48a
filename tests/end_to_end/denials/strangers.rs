//! Things that are not Snapferry's, made by the account's owner: some look like Snapferry's by name or by tags.

use anyhow::{Context, Result};
use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetTypeEnum};
use serde_json::json;
use std::fmt::Write;
use tests::{Account, Kind, Looks, Network};

/// A run that Snapferry never made.
pub const RUN: &str = "20261101t000000z-0000";
const RUN_COPY: &str = "20261101t000000z-0000-copy";

/// Something that is not Snapferry's.
#[derive(Debug)]
pub struct Stranger {
    pub kind: Kind,
    pub looks: Looks,
    /// An identifier; a secret's or a key's ARN.
    pub name: String,
    pub arn: String,
    /// A secret's versions: the one before, and the current one.
    pub versions: [String; 2],
}

/// The tags of a run.
pub fn tags() -> [(&'static str, &'static str); 3] {
    [("snapferry:made-by", "snapferry"), ("snapferry:replication", "orders"), ("snapferry:run", RUN)]
}

/// The same for RDS.
pub fn rds_tags() -> Vec<aws_sdk_rds::types::Tag> {
    tags().map(|(key, value)| aws_sdk_rds::types::Tag::builder().key(key).value(value).build()).to_vec()
}

/// Makes one of each kind and looks in the account.
pub async fn make(account: &Account, own_key: &str) -> Result<Vec<Stranger>> {
    let mut made = Vec::new();
    for (looks, name) in [
        (Looks::Foreign, "billing".to_owned()),
        (Looks::Named, format!("orders-{RUN}")),
        (Looks::Tagged, "billing-restored".to_owned()),
    ] {
        make_instance(account, &name, looks).await?;
        let arn = account.arn("rds", &format!("db:{name}"));
        made.push(Stranger { kind: Kind::Instance, looks, name, arn, versions: Default::default() });
    }
    for it in &made {
        account.instance_in(&it.name, "available").await?;
    }
    for (looks, name) in [
        (Looks::Foreign, "billing-by-hand".to_owned()),
        (Looks::Named, format!("orders-{RUN}")),
        (Looks::NamedCopy, format!("orders-{RUN_COPY}")),
        (Looks::Tagged, "billing-copied".to_owned()),
    ] {
        make_snapshot(account, &name, looks).await?;
        let arn = account.arn("rds", &format!("snapshot:{name}"));
        made.push(Stranger { kind: Kind::Snapshot, looks, name, arn, versions: Default::default() });
    }
    for (looks, name) in [
        (Looks::Foreign, "billing/login".to_owned()),
        (Looks::Named, format!("snapferry/orders/{RUN}")),
        (Looks::Tagged, "billing/copied".to_owned()),
    ] {
        made.push(make_secret(account, &name, looks).await?);
    }
    let key = account.kms.create_key().send().await?.key_metadata.context("a key has metadata")?;
    let foreign = key.arn.context("a key has an ARN")?;
    for (looks, arn) in [(Looks::Foreign, foreign), (Looks::Own, own_key.to_owned())] {
        made.push(Stranger { kind: Kind::Key, looks, name: arn.clone(), arn, versions: Default::default() });
    }
    for (looks, instance) in [(Looks::Foreign, "billing".to_owned()), (Looks::Named, format!("orders-{RUN}"))]
    {
        let name = format!("/aws/rds/instance/{instance}/postgresql");
        account.logs.call("CreateLogGroup", &json!({ "logGroupName": name })).await?;
        let arn = account.arn("logs", &format!("log-group:{name}"));
        made.push(Stranger { kind: Kind::LogGroup, looks, name, arn, versions: Default::default() });
    }
    for (looks, name) in [(Looks::Foreign, "billing"), (Looks::Tagged, "billing-lane")] {
        let arn = make_target_group(account, name, looks).await?;
        let name = name.to_owned();
        made.push(Stranger { kind: Kind::TargetGroup, looks, name, arn, versions: Default::default() });
    }
    Ok(made)
}

async fn make_target_group(account: &Account, name: &str, looks: Looks) -> Result<String> {
    let network = Network::create(account).await?;
    let create = account.elb.create_target_group().name(name).target_type(TargetTypeEnum::Ip);
    let create = create.protocol(ProtocolEnum::Tcp).port(5432).vpc_id(network.vpc_id);
    let tag =
        aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("snapferry:reach").value("true").build();
    let tags = (looks == Looks::Tagged).then(|| vec![tag]);
    let made = create.set_tags(tags).send().await?.target_groups.unwrap_or_default().into_iter().next();
    made.and_then(|it| it.target_group_arn).context("a target group has an ARN")
}

async fn make_instance(account: &Account, name: &str, looks: Looks) -> Result<()> {
    let create = account.rds.create_db_instance().db_instance_identifier(name).engine("postgres");
    let create = create.db_instance_class("db.t4g.medium").allocated_storage(20).master_username("owner");
    let create = create.master_user_password("not-snapferrys").backup_retention_period(0);
    create.set_tags((looks == Looks::Tagged).then(rds_tags)).send().await?;
    Ok(())
}

async fn make_snapshot(account: &Account, name: &str, looks: Looks) -> Result<()> {
    let create =
        account.rds.create_db_snapshot().db_instance_identifier("billing").db_snapshot_identifier(name);
    create.set_tags((looks == Looks::Tagged).then(rds_tags)).send().await?;
    account.instance_in("billing", "available").await?;
    tests::eventually(&format!("snapshot {name}"), || async {
        let answer = account.rds.describe_db_snapshots().db_snapshot_identifier(name).send().await?;
        let is = answer.db_snapshots().iter().any(|it| it.status() == Some("available"));
        Ok(is.then_some(()))
    })
    .await
}

async fn make_secret(account: &Account, name: &str, looks: Looks) -> Result<Stranger> {
    let tags = tags()
        .map(|(key, value)| aws_sdk_secretsmanager::types::Tag::builder().key(key).value(value).build());
    let create = account.secrets.create_secret().name(name).secret_string("the first");
    let created = create.set_tags((looks == Looks::Tagged).then(|| tags.to_vec())).send().await?;
    let arn = created.arn.context("a secret has an ARN")?;
    let put = account.secrets.put_secret_value().secret_id(&arn).secret_string("the second").send().await?;
    let versions = [created.version_id, put.version_id].map(Option::unwrap_or_default);
    Ok(Stranger { kind: Kind::Secret, looks, name: arn.clone(), arn, versions })
}

/// Everything that the account says of all DB instances and snapshots, and of these secrets and keys.
pub async fn state(account: &Account, strangers: &[Stranger]) -> Result<String> {
    let mut state = String::new();
    let instances = account.rds.describe_db_instances().send().await?;
    writeln!(state, "{:#?}", instances.db_instances())?;
    let snapshots = account.rds.describe_db_snapshots().send().await?;
    writeln!(state, "{:#?}", snapshots.db_snapshots())?;
    for it in strangers {
        match it.kind {
            Kind::Snapshot => {
                let of = account.rds.describe_db_snapshot_attributes().db_snapshot_identifier(&it.name);
                writeln!(state, "{:#?}", of.send().await?.db_snapshot_attributes_result)?;
            }
            Kind::Secret => {
                let it = account.secrets.describe_secret().secret_id(&it.arn).send().await?;
                let mut versions: Vec<_> = it.version_ids_to_stages.unwrap_or_default().into_iter().collect();
                versions.sort();
                writeln!(state, "{:?} {:?} {:?} {versions:?}", it.arn, it.tags, it.deleted_date)?;
            }
            Kind::Key => {
                let key = account.kms.describe_key().key_id(&it.arn).send().await?.key_metadata;
                let policy = account.kms.get_key_policy().key_id(&it.arn).send().await?.policy;
                let grants = account.kms.list_grants().key_id(&it.arn).send().await?.grants;
                writeln!(state, "{key:#?} {policy:?} {grants:?}")?;
            }
            Kind::TargetGroup => {
                let targets = account.elb.describe_target_health().target_group_arn(&it.arn).send().await?;
                writeln!(state, "{:?}", targets.target_health_descriptions())?;
            }
            Kind::LogGroup => writeln!(state, "{:?}", account.log_groups(&it.name).await?)?,
            Kind::Instance => {}
        }
    }
    Ok(state)
}
