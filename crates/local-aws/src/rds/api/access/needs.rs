//! The permissions that a request needs: each action on each resource, with the condition keys that RDS gives it.
//!
//! Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon RDS": required
//! resource types always, optional ones when the request names them, dependent actions when it makes use of them.

use crate::{
    iam::context::Context,
    place::Place,
    rds::{
        api::protocol::parameters::Parameters,
        model::{arn::Arn, groups::GroupKind, state::State, tags::Tags},
    },
};

/// One action on one resource.
#[derive(Debug)]
pub struct Need {
    /// `rds:CopyDBSnapshot`.
    pub action: String,
    /// The true ARN; `…:db:*` for a list.
    pub resource: String,
    /// What is known about the resource and the request.
    pub context: Context,
}

/// Every permission that the request needs. If an identifier is missing, the operation refuses the request later.
pub fn needs(state: &mut State, place: &Place, action: &str, parameters: &Parameters) -> Vec<Need> {
    let mut needs = Collector { state, place, parameters, action, needs: vec![] };
    let given = |name: &str| parameters.get(name).filter(|it| !it.is_empty());
    let tagged = parameters.tags().is_ok_and(|tags| tags.is_some());
    let db = given("DBInstanceIdentifier");
    let snapshot = given("DBSnapshotIdentifier");
    match action {
        "CreateDBInstance" => {
            needs.of("db", db);
            needs.groups(false);
            needs.tags_on("db", db, tagged);
            needs.pass_role("MonitoringRoleArn", "monitoring.rds.amazonaws.com");
            needs.pass_role("DomainIAMRoleName", "directoryservice.rds.amazonaws.com");
        }
        "CreateDBInstanceReadReplica" => {
            needs.of("db", db);
            needs.of("db", given("SourceDBInstanceIdentifier"));
            needs.groups(true);
            needs.tags_on("db", db, tagged);
            needs.pass_role("MonitoringRoleArn", "monitoring.rds.amazonaws.com");
        }
        "PromoteReadReplica" => needs.of("db", db),
        "RestoreDBInstanceFromDBSnapshot" => {
            needs.of("db", db);
            needs.of("snapshot", snapshot);
            needs.groups(true);
            needs.tags_on("db", db, tagged);
        }
        "ModifyDBInstance" => {
            needs.of("db", db);
            needs.groups(false);
            needs.pass_role("MonitoringRoleArn", "monitoring.rds.amazonaws.com");
            needs.pass_role("DomainIAMRoleName", "directoryservice.rds.amazonaws.com");
        }
        "RebootDBInstance" | "StartDBInstance" => needs.of("db", db),
        "StopDBInstance" => {
            needs.of("db", db);
            needs.snapshot_by_the_way(db, snapshot);
        }
        "DeleteDBInstance" => {
            needs.of("db", db);
            needs.snapshot_by_the_way(db, given("FinalDBSnapshotIdentifier"));
        }
        "DescribeDBInstances" => needs.of("db", db.or(Some("*"))),
        "CreateDBSnapshot" => {
            needs.of("db", db);
            needs.of("snapshot", snapshot);
            needs.tags_on("snapshot", snapshot, tagged);
        }
        "DescribeDBSnapshots" => {
            needs.of("db", db);
            // A list is asked for as all snapshots, unless it is that of a DB instance.
            needs.of("snapshot", snapshot.or(db.is_none().then_some("*")));
        }
        "CopyDBSnapshot" => {
            let target = given("TargetDBSnapshotIdentifier");
            let source = given("SourceDBSnapshotIdentifier");
            needs.of("snapshot", source);
            needs.of("snapshot", target);
            needs.of("og", given("OptionGroupName"));
            needs.tags_on("snapshot", target, tagged);
            // AWS does not say whether it asks in the source's Region too. Here it does, so that a role is ready.
            let elsewhere = source.and_then(|it| Arn::parse(it).ok()).map(|it| it.place.region);
            if let Some(region) = elsewhere.filter(|it| *it != place.region) {
                needs.copy_in(&region, target, tagged);
            }
        }
        "DeleteDBSnapshot" | "ModifyDBSnapshotAttribute" | "DescribeDBSnapshotAttributes" => {
            needs.of("snapshot", snapshot);
        }
        "AddTagsToResource" | "RemoveTagsFromResource" | "ListTagsForResource" => {
            if let Some(arn) = given("ResourceName").and_then(|name| Arn::parse(name).ok()) {
                needs.push(&format!("rds:{action}"), &arn);
            }
        }
        "CreateDBProxy" => {
            let (action, resource) = (format!("rds:{action}"), "*".to_owned());
            needs.needs.push(Need { action, resource, context: request_context(parameters) });
            needs.pass_role("RoleArn", "rds.amazonaws.com");
        }
        "DescribeDBProxies" | "DeleteDBProxy" => needs.proxy(&["db-proxy"]),
        "DescribeDBProxyTargetGroups" | "DescribeDBProxyTargets" => {
            needs.proxy(&["db-proxy", "target-group"])
        }
        "RegisterDBProxyTargets" | "DeregisterDBProxyTargets" => {
            match action.starts_with("Register") {
                true => needs.proxy(&["target-group"]),
                false => needs.proxy(&["db-proxy", "target-group"]),
            }
            for identifier in parameters.list("DBInstanceIdentifiers", "member").unwrap_or_default() {
                needs.of("db", Some(&identifier));
            }
        }
        "DescribeDBEngineVersions" => needs.of("pg", Some("*")),
        "DescribeEvents" => needs.of("es", Some("*")),
        "DescribeAccountAttributes" | "DescribeCertificates" | "DescribeOrderableDBInstanceOptions" => {
            let (action, resource) = (format!("rds:{action}"), "*".to_owned());
            needs.needs.push(Need { action, resource, context: Context::default() });
        }
        other if other.contains("DBSubnetGroup") => needs.group("subgrp", "DBSubnetGroupName", tagged),
        other if other.contains("DBParameterGroup") => needs.group("pg", "DBParameterGroupName", tagged),
        other if other.contains("OptionGroup") => needs.group("og", "OptionGroupName", tagged),
        // An operation that does not exist says so itself.
        _ => {}
    }
    needs.needs
}

struct Collector<'a> {
    state: &'a mut State,
    place: &'a Place,
    parameters: &'a Parameters,
    action: &'a str,
    needs: Vec<Need>,
}

impl Collector<'_> {
    /// The request's own action on a resource given by name or ARN.
    fn of(&mut self, kind: &str, given: Option<&str>) {
        let action = format!("rds:{}", self.action);
        self.need(&action, kind, given);
    }

    fn need(&mut self, action: &str, kind: &str, given: Option<&str>) {
        let Some(given) = given else { return };
        let arn = match Arn::parse(given) {
            Ok(arn) if arn.kind == kind => arn,
            _ => Arn { place: self.place.clone(), kind: kind.to_owned(), name: given.to_lowercase() },
        };
        self.push(action, &arn);
    }

    fn push(&mut self, action: &str, arn: &Arn) {
        let mut context = request_context(self.parameters).with("aws:ResourceAccount", &arn.place.account_id);
        // Another account's tags are not visible.
        let own = arn.place.account_id == self.place.account_id;
        if let Some(tags) = self.state.tags_of(arn).filter(|_| own) {
            for (key, value) in tags.pairs() {
                context = context
                    .with(format!("aws:ResourceTag/{key}"), value)
                    .with(format!("rds:{}-tag/{key}", arn.kind), value);
            }
        }
        let resource = arn.place.arn(&arn.kind, &arn.name);
        self.needs.push(Need { action: action.to_owned(), resource, context });
    }

    /// A request that tags the new resource needs a permission for that too.
    fn tags_on(&mut self, kind: &str, given: Option<&str>, tagged: bool) {
        if tagged {
            self.need("rds:AddTagsToResource", kind, given);
        }
    }

    /// The copy again, as its source's Region sees it.
    fn copy_in(&mut self, region: &str, target: Option<&str>, tagged: bool) {
        let Some(name) = target else { return };
        let place = Place { region: region.to_owned(), account_id: self.place.account_id.clone() };
        let arn = Arn { place, kind: "snapshot".to_owned(), name: name.to_lowercase() };
        self.push("rds:CopyDBSnapshot", &arn);
        if tagged {
            self.push("rds:AddTagsToResource", &arn);
        }
    }

    /// A final snapshot, or one before a stop.
    fn snapshot_by_the_way(&mut self, db: Option<&str>, snapshot: Option<&str>) {
        if snapshot.is_some() {
            self.need("rds:CreateDBSnapshot", "db", db);
            self.need("rds:CreateDBSnapshot", "snapshot", snapshot);
        }
    }

    /// The groups of a DB instance: the named ones, and with `always` the default ones for those not named.
    fn groups(&mut self, always: bool) {
        let mut default = |kind: GroupKind| self.default_group(kind).unwrap_or_default();
        let defaults = [
            ("og", "OptionGroupName", default(GroupKind::Options)),
            ("pg", "DBParameterGroupName", default(GroupKind::Parameters)),
            ("subgrp", "DBSubnetGroupName", "default".to_owned()),
        ];
        let parameters = self.parameters;
        for (kind, parameter, default) in &defaults {
            let given = parameters.get(parameter);
            self.of(kind, given.or(always.then_some(default.as_str())));
        }
    }

    /// The default group of the engine of the DB snapshot, or of the DB instance that a replica follows.
    fn default_group(&mut self, kind: GroupKind) -> Option<String> {
        if let Some(given) = self.parameters.get("SourceDBInstanceIdentifier") {
            let place = Arn::parse(given).map_or_else(|_| self.place.clone(), |it| it.place);
            return Some(kind.default_for(&self.state.instance(&place, given).ok()?.database));
        }
        let given = self.parameters.get("DBSnapshotIdentifier").unwrap_or_default();
        let snapshot = self.state.source_snapshot(self.place, given).ok()?;
        Some(kind.default_for(&snapshot.database))
    }

    fn group(&mut self, kind: &str, parameter: &str, tagged: bool) {
        let given = self.parameters.get(parameter).or(self.action.starts_with("Describe").then_some("*"));
        self.of(kind, given);
        self.tags_on(kind, given, tagged);
    }

    /// A proxy and its target group have their ids in their ARNs, and a request names the proxy. A list is asked for as
    /// all of them, and so is a proxy that does not exist.
    fn proxy(&mut self, kinds: &[&str]) {
        let name = self.parameters.get("DBProxyName").map(str::to_lowercase);
        let mut own = self.state.proxies.values().filter(|it| it.place == *self.place);
        let found = own.find(|it| Some(&it.name) == name.as_ref()).map(|it| (it.id.clone(), it.group_id()));
        let (id, group_id) = found.unwrap_or_else(|| ("*".to_owned(), "*".to_owned()));
        for kind in kinds {
            self.of(kind, Some(if *kind == "db-proxy" { &id } else { &group_id }));
        }
    }

    /// RDS gives the role to a service in the caller's name.
    fn pass_role(&mut self, parameter: &str, service: &str) {
        let Some(role) = self.parameters.get(parameter) else { return };
        // Where a name is given, the role has no path.
        let named = || format!("arn:aws:iam::{}:role/{role}", self.place.account_id);
        let resource = if role.starts_with("arn:") { role.to_owned() } else { named() };
        let context = request_context(self.parameters).with("iam:PassedToService", service);
        self.needs.push(Need { action: "iam:PassRole".to_owned(), resource, context });
    }
}

/// The condition keys that the request itself brings.
fn request_context(parameters: &Parameters) -> Context {
    let tags: Tags = parameters.tags().ok().flatten().unwrap_or_default();
    let mut context = Context::default();
    for (key, value) in tags.pairs() {
        context =
            context.with(format!("aws:RequestTag/{key}"), value).with(format!("rds:req-tag/{key}"), value);
    }
    let removed = parameters.list("TagKeys", "member").unwrap_or_default();
    let keys = tags.pairs().map(|(key, _)| key.to_owned()).chain(removed);
    context = context.with_all("aws:TagKeys", keys);
    for (parameter, key) in [
        ("PubliclyAccessible", "rds:PubliclyAccessible"),
        ("BackupTarget", "rds:BackupTarget"),
        ("CopyOptionGroup", "rds:CopyOptionGroup"),
        ("ManageMasterUserPassword", "rds:ManageMasterUserPassword"),
    ] {
        if let Some(value) = parameters.get(parameter) {
            context = context.with(key, value);
        }
    }
    context
}
