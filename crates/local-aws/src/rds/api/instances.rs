//! DescribeDBInstances, and how a DB instance looks on the wire.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{
    protocol::{
        answer::Outcome,
        filters::{Filter, Filters},
        pages,
        request::Request,
        xml::Element,
    },
    replicas,
    settings::elements,
    snapshots::{encryption_type, timestamp},
    subnet_groups, tags,
};
use crate::{
    rds::{
        model::{
            database::Database,
            groups::GroupKind,
            instances::{Instance, InstanceStatus},
            refusal::Refusal,
            settings::{self, Settings},
            state::State,
        },
        operations::rds::Rds,
    },
    servers::server::Endpoint,
};

const FILTERS: [Filter; 5] = [
    Filter::of_names("db-cluster-id", "cluster"),
    Filter::of_names("db-instance-id", "db").and("DBInstanceIdentifier"),
    Filter::of_words("dbi-resource-id"),
    Filter::of_words("domain"),
    Filter::of_words("engine"),
];

/// DescribeDBInstances.
pub fn describe(rds: &Arc<Rds>, request: &Request<'_>) -> Outcome {
    let Request { place, parameters, .. } = *request;
    let filters = Filters::of(parameters, &FILTERS)?;
    let state = rds.state();
    let own = state.instances.values().filter(|it| it.place == *place);
    let found = own.filter(|it| filters.pass(|name, value| has(it, name, value)));
    let all: Vec<_> = found.map(|it| (it.identifier.clone(), seen(rds, &state, it))).collect();
    match parameters.get("DBInstanceIdentifier") {
        Some(given) if all.is_empty() && !given.is_empty() => {
            Err(Refusal::DbInstanceNotFound(given.to_lowercase()))
        }
        _ => pages::listed("DBInstances", all, parameters),
    }
}

/// The DB instance as DescribeDBInstances shows it, which a misbehaviour may change.
fn seen(rds: &Rds, state: &State, instance: &Instance) -> Element {
    if !instance.is_at_rest() {
        return to_element(state, instance);
    }
    let status = rds.misbehaviours().shown_status(&instance.identifier).unwrap_or(instance.status);
    let endpoint = instance.endpoint.as_ref();
    let endpoint = endpoint.filter(|_| !rds.misbehaviours().endpoint_is_missing(&instance.identifier));
    show(state, instance, status, endpoint)
}

/// Does a DB instance have this value for a filter? None is in a cluster.
fn has(instance: &Instance, filter: &str, value: &str) -> bool {
    match filter {
        "db-instance-id" => {
            value.eq_ignore_ascii_case(&instance.identifier) || value.eq_ignore_ascii_case(&instance.arn())
        }
        "dbi-resource-id" => value == instance.database.resource_id,
        "engine" => value == instance.database.engine.name(),
        "domain" => instance.database.settings.get("Domain") == Some(value),
        _ => false,
    }
}

/// The DB instance with this resource id, as the result of an operation.
pub fn shown(state: &State, resource_id: &str) -> Vec<Element> {
    state.instances.get(resource_id).map(|it| to_element(state, it)).into_iter().collect()
}

/// A DB instance in an answer.
pub fn to_element(state: &State, instance: &Instance) -> Element {
    show(state, instance, instance.status, instance.endpoint.as_ref())
}

fn show(state: &State, instance: &Instance, status: InstanceStatus, endpoint: Option<&Endpoint>) -> Element {
    let Instance { place, database, .. } = instance;
    let settings = &database.settings;
    let mut element = Element::new("DBInstance")
        .text("DBInstanceIdentifier", &instance.identifier)
        .text("Engine", database.engine.name())
        .text("EngineVersion", &database.engine_version)
        .text("DBInstanceStatus", status.as_str())
        .text("MasterUsername", &database.master_username)
        .maybe("DBName", database.db_name.as_deref())
        .maybe("InstanceCreateTime", database.created_at.map(timestamp))
        .maybe("LatestRestorableTime", latest_restorable(database).map(timestamp))
        .child(certificate(database));
    // There is no endpoint before there is a server that answers.
    if let Some(Endpoint { host, address }) = endpoint {
        element = element.child(Element::new("Endpoint").text("Address", host).text("Port", address.port()));
    }
    let (zone, secondary) = instance.zones();
    element = elements(settings.shown().filter(|(name, _)| *name != "AvailabilityZone"))
        .fold(element, Element::child)
        .text("AvailabilityZone", zone)
        .maybe("SecondaryAvailabilityZone", secondary.as_deref());

    let groups = instance.security_group_ids();
    let groups = groups.iter().map(|id| {
        Element::new("VpcSecurityGroupMembership").text("VpcSecurityGroupId", id).text("Status", "active")
    });
    let option_group = settings.get("OptionGroupName").map(str::to_owned);
    replicas::shown(state, instance, element)
        .list("DBSecurityGroups", [])
        .list("VpcSecurityGroups", groups)
        .list(
            "DBParameterGroups",
            [Element::new("DBParameterGroup")
                .text("DBParameterGroupName", instance.parameter_group())
                .text("ParameterApplyStatus", instance.parameters.as_str())],
        )
        .list(
            "OptionGroupMemberships",
            [Element::new("OptionGroupMembership")
                .text(
                    "OptionGroupName",
                    option_group.unwrap_or_else(|| GroupKind::Options.default_for(database)),
                )
                .text("Status", "in-sync")],
        )
        .child(subnet_groups::of_instance(state, place, instance.subnet_group.as_deref()))
        .child(pending(instance))
        .text("DbInstancePort", instance.port())
        .text("StorageEncrypted", database.is_encrypted())
        .text("StorageEncryptionType", encryption_type(database))
        .maybe("KmsKeyId", database.kms_key_id.as_deref())
        .text("DbiResourceId", &database.resource_id)
        .list("DomainMemberships", domain_membership(settings))
        .text("DBInstanceArn", instance.arn())
        .list(
            "EnabledCloudwatchLogsExports",
            settings.log_exports.iter().map(|it| Element::of_text("member", it)),
        )
        .list("AssociatedRoles", [])
        .list("TagList", tags::elements(&instance.tags))
        .text("ActivityStreamStatus", "stopped")
}

/// The directory that the DB instance joined: a Kerberos server does not exist here.
fn domain_membership(settings: &Settings) -> Option<Element> {
    let membership = Element::new("DomainMembership").text("Domain", settings.get("Domain")?);
    Some(membership.text("Status", "joined").maybe("IAMRoleName", settings.get("DomainIAMRoleName")))
}

/// With automated backups, RDS can restore to any time until five minutes ago.
/// Source: RDS User Guide, USER_PIT.
fn latest_restorable(database: &Database) -> Option<Timestamp> {
    let created_at = database.created_at?;
    let backed_up = database.settings.get("BackupRetentionPeriod").is_some_and(|days| days != "0");
    backed_up.then(|| created_at.max(Timestamp::now() - SignedDuration::from_mins(5)))
}

/// The server's certificate holds for a year. Source: RDS User Guide, UsingWithRDS.SSL.
fn certificate(database: &Database) -> Element {
    let until = database.created_at.map(|at| timestamp(at + SignedDuration::from_hours(365 * 24)));
    Element::new("CertificateDetails")
        .maybe("CAIdentifier", database.settings.get("CACertificateIdentifier"))
        .maybe("ValidTill", until)
}

fn pending(instance: &Instance) -> Element {
    let pending = &instance.pending;
    let element = Element::new("PendingModifiedValues");
    elements(settings::shown(&pending.settings))
        .fold(element, Element::child)
        .maybe("MasterUserPassword", pending.password.then_some("****"))
        .maybe("DBInstanceIdentifier", pending.identifier.as_deref())
}
