//! RDS's API: this file takes a request apart, finds the operation, and wraps its answer.

pub mod access;
pub mod bring_up;
pub mod events;
pub mod groups;
pub mod instance_changes;
pub mod instances;
pub mod log_groups;
pub mod network;
pub mod offers;
pub mod protocol;
pub mod proxies;
pub mod quotas;
pub mod replicas;
pub mod settings;
pub mod snapshot_copies;
pub mod snapshot_sharing;
pub mod snapshots;
pub mod subject;
pub mod subnet_groups;
pub mod tags;

use std::sync::Arc;

use self::{
    access::authorization,
    protocol::{
        answer::{Answer, NAMESPACE, Outcome, refused, succeeded},
        parameters::Parameters,
        request::Request,
    },
};
use super::{
    model::{groups::GroupKind, refusal::Refusal},
    operations::{proxies::Proxies, rds::Rds},
};
use crate::{
    caller::Caller, iam::roles::Roles, kms::keys::Keys, ministack::Client, place::Place, random_hex,
};

/// RDS as its callers see it.
pub struct Api {
    rds: Arc<Rds>,
    proxies: Arc<Proxies>,
    keys: Arc<Keys>,
    roles: Arc<Roles>,
    ministack: Client,
}

impl Api {
    /// The API of this RDS.
    pub fn new(
        rds: Arc<Rds>,
        proxies: Arc<Proxies>,
        keys: Arc<Keys>,
        roles: Arc<Roles>,
        ministack: Client,
    ) -> Self {
        Self { rds, proxies, keys, roles, ministack }
    }

    /// The RDS behind it.
    pub fn rds(&self) -> &Arc<Rds> {
        &self.rds
    }

    /// Answers one request.
    pub async fn answer(&self, caller: &Caller, region: &str, query: Option<&str>, body: &[u8]) -> Answer {
        let parameters = Parameters::parse(query, body);
        let action = parameters.action();
        let place = Place { account_id: caller.account_id.clone(), region: region.to_owned() };
        let request_id = request_id();

        let request = Request::new(caller, &place, &parameters);
        let outcome = self.perform(&request, action).await;
        if outcome.is_ok()
            && let "CreateDBInstance"
            | "CreateDBInstanceReadReplica"
            | "RestoreDBInstanceFromDBSnapshot"
            | "ModifyDBInstance" = action
            && let Some(identifier) = parameters.get("DBInstanceIdentifier")
        {
            log_groups::make(&self.ministack, &self.rds, &place, &identifier.to_lowercase()).await;
        }
        let allowed_by = request.into_allowed_by();
        let (status, error, element) = match outcome {
            Ok(children) => (200, None, succeeded(action, children, &request_id)),
            Err(refusal) => {
                let (code, status) = refusal.code();
                tracing::info!("{} {action}: {code}: {}", caller.who(), refusal.message());
                (status, Some(code), refused(&refusal, &request_id))
            }
        };
        let body = element.render(NAMESPACE).unwrap_or_default();
        Answer { status, error, allowed_by, body, request_id }
    }

    async fn perform(&self, request: &Request<'_>, action: &str) -> Outcome {
        let Self { rds, proxies, keys, roles, ministack } = self;
        authorization::check(roles, rds, request, action).await?;
        network::check(ministack, request).await?;
        match action {
            "CreateDBInstance" => bring_up::create(rds, keys, request).await,
            "RestoreDBInstanceFromDBSnapshot" => bring_up::restore(rds, keys, request).await,
            "CreateDBInstanceReadReplica" => replicas::create(rds, keys, request).await,
            "PromoteReadReplica" => replicas::promote(rds, request),
            "DescribeDBInstances" => instances::describe(rds, request),
            "ModifyDBInstance" => instance_changes::modify(rds, request),
            "RebootDBInstance" => instance_changes::reboot(rds, request),
            "StartDBInstance" => instance_changes::start(rds, keys, request).await,
            "StopDBInstance" => instance_changes::stop(rds, request),
            "DeleteDBInstance" => instance_changes::delete(rds, request),
            "CreateDBSnapshot" => snapshots::create(rds, request),
            "DescribeDBSnapshots" => snapshots::describe(rds, request),
            "DeleteDBSnapshot" => snapshots::delete(rds, request),
            "CopyDBSnapshot" => snapshot_copies::copy(rds, keys, request).await,
            "ModifyDBSnapshotAttribute" => snapshot_sharing::modify(rds, request),
            "DescribeDBSnapshotAttributes" => snapshot_sharing::describe(rds, request),
            "AddTagsToResource" => tags::add(rds, request),
            "RemoveTagsFromResource" => tags::remove(rds, request),
            "ListTagsForResource" => tags::list(rds, request),
            "CreateDBSubnetGroup" => subnet_groups::create(rds, &self.ministack, request).await,
            "DescribeDBSubnetGroups" => subnet_groups::describe(rds, request),
            "ModifyDBSubnetGroup" => subnet_groups::modify(rds, request),
            "DeleteDBSubnetGroup" => subnet_groups::delete(rds, request),
            "CreateDBParameterGroup" => groups::create(GroupKind::Parameters, rds, request),
            "DescribeDBParameterGroups" => groups::describe(GroupKind::Parameters, rds, request),
            "ModifyDBParameterGroup" => groups::modify_parameters(rds, request),
            "DeleteDBParameterGroup" => groups::delete(GroupKind::Parameters, rds, request),
            "CreateOptionGroup" => groups::create(GroupKind::Options, rds, request),
            "DescribeOptionGroups" => groups::describe(GroupKind::Options, rds, request),
            "DeleteOptionGroup" => groups::delete(GroupKind::Options, rds, request),
            "CreateDBProxy" => proxies::create(rds, proxies, &self.ministack, request).await,
            "DescribeDBProxies" => proxies::describe(rds, request),
            "DeleteDBProxy" => proxies::delete(rds, proxies, request),
            "DescribeDBProxyTargetGroups" => proxies::target_groups(rds, request),
            "RegisterDBProxyTargets" => proxies::register(rds, request),
            "DeregisterDBProxyTargets" => proxies::deregister(rds, proxies, request),
            "DescribeDBProxyTargets" => proxies::targets(rds, request),
            "DescribeDBEngineVersions" => offers::engine_versions(rds, request),
            "DescribeOrderableDBInstanceOptions" => offers::orderable_options(rds, request),
            "DescribeCertificates" => offers::certificates(request),
            "DescribeEvents" => events::describe(rds, request),
            "DescribeAccountAttributes" => quotas::describe(rds, request),
            "" => Err(Refusal::MissingParameter("Action".to_owned())),
            other => Err(Refusal::InvalidAction(other.to_owned())),
        }
    }
}

fn request_id() -> String {
    let hex = random_hex(16).unwrap_or_else(|_| "0".repeat(32));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}
