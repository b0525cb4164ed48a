//! Two Regions with a DB instance and secrets in each: as much of RDS, Secrets Manager and Lambda as failovers call.

use crate::{Calls, Pauses, config_of};
use lambda_support::Config;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A DB instance.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is RDS's own word")]
pub struct Instance {
    pub status: String,
    pub groups: Vec<String>,
    pub tags: BTreeMap<String, String>,
    pub source: Option<String>,
    pub replication: Option<String>,
    pub backup_retention_period: i32,
}

/// A secret: its versions, and which one is current.
#[derive(Debug, Clone, Default)]
#[expect(missing_docs, reason = "each is Secrets Manager's own word")]
pub struct Secret {
    pub current: String,
    pub versions: BTreeMap<String, Value>,
}

/// What is in a Region.
#[derive(Debug, Clone, Default)]
pub struct Region {
    /// Its DB instance.
    pub instance: Option<Instance>,
    /// Its secret.
    pub secret: Option<Secret>,
    /// Whether nothing there answers.
    pub is_silent: bool,
}

/// Changes an answer, or what is there.
type Change = Box<dyn FnMut(&mut BTreeMap<String, Region>, &str, &Value) -> Option<Value> + Send>;

/// Every Region that a test has.
#[derive(Clone, Default)]
pub struct Regions {
    state: Arc<Mutex<BTreeMap<String, Region>>>,
    change: Arc<Mutex<Option<Change>>>,
    /// What was sent, in order.
    pub calls: Calls,
}

/// The ARN of the DB instance `billing` in a Region.
pub fn arn(region: &str) -> String {
    format!("arn:aws:rds:{region}:111111111111:db:billing")
}

impl Regions {
    /// A primary `billing` in Frankfurt, and its replica of the same name in Ireland. Both carry the group's tag.
    pub fn new() -> Self {
        let regions = Self::default();
        let instance = |groups: &[&str]| Instance {
            status: "available".to_owned(),
            groups: groups.iter().map(|it| (*it).to_owned()).collect(),
            tags: BTreeMap::from([("snapferry:group".to_owned(), "shop".to_owned())]),
            ..Instance::default()
        };
        let replica = Instance {
            source: Some(arn("eu-central-1")),
            replication: Some("replicating".to_owned()),
            backup_retention_period: 7,
            ..instance(&["sg-3"])
        };
        for (region, instance) in [("eu-central-1", instance(&["sg-1", "sg-2"])), ("eu-west-1", replica)] {
            let region = (region.to_owned(), Region { instance: Some(instance), ..Region::default() });
            regions.state.lock().unwrap().extend([region]);
        }
        regions
    }

    /// Has `change` see each call before it is answered. It may change what is there, and answer by itself.
    pub fn with(
        self,
        change: impl FnMut(&mut BTreeMap<String, Region>, &str, &Value) -> Option<Value> + Send + 'static,
    ) -> Self {
        *self.change.lock().unwrap() = Some(Box::new(change));
        self
    }

    /// Looks at a Region, or changes it.
    pub fn at<T>(&self, region: &str, see: impl FnOnce(&mut Region) -> T) -> T {
        see(self.state.lock().unwrap().entry(region.to_owned()).or_default())
    }

    /// The same for its DB instance.
    pub fn instance<T>(&self, region: &str, see: impl FnOnce(&mut Instance) -> T) -> T {
        self.at(region, |it| see(it.instance.as_mut().unwrap()))
    }

    /// A configuration whose clients call here.
    pub fn config(&self) -> Config {
        let (state, change) = (Arc::clone(&self.state), Arc::clone(&self.change));
        let answer = move |region: &str, call: &Value| {
            let mut regions = state.lock().unwrap();
            let changed = change.lock().unwrap().as_mut().and_then(|it| it(&mut regions, region, call));
            changed.unwrap_or_else(|| answer(regions.entry(region.to_owned()).or_default(), region, call))
        };
        config_of(answer, &self.calls, &Pauses::default())
    }

    /// The names of all calls that changed something.
    pub fn changes(&self) -> Vec<String> {
        let sent = self.calls.sent();
        let names = sent.iter().map(|it| it["Action"].as_str().unwrap().to_owned());
        names
            .filter(|it| !it.starts_with("Describe") && !it.starts_with("Get") && !it.starts_with('/'))
            .collect()
    }
}

/// An error as RDS words it.
pub fn rds_error(code: &str) -> Value {
    json!({"xml": format!("<ErrorResponse><Error><Code>{code}</Code><Message>said RDS</Message></Error></ErrorResponse>")})
}

fn answer(region: &mut Region, name: &str, call: &Value) -> Value {
    let action = call["Action"].as_str().unwrap();
    if region.is_silent {
        // Both are transient.
        let is_json = call.get("SecretId").is_some() || action.starts_with('/');
        return if is_json { json!({"__type": "InternalServerError"}) } else { rds_error("Throttling") };
    }
    let done = || json!({"xml": format!("<{action}Response><{action}Result/></{action}Response>")});
    match (action, region.instance.as_mut(), region.secret.as_mut()) {
        ("DescribeDBInstances", Some(it), _) => json!({"xml": described(it, name)}),
        ("DescribeDBInstances", None, _) => rds_error("DBInstanceNotFound"),
        ("AddTagsToResource", Some(it), _) => {
            it.tags.extend(crate::tags_sent(std::slice::from_ref(call)));
            done()
        }
        ("RemoveTagsFromResource", Some(it), _) => {
            list(call, "TagKeys.member").iter().for_each(|key| drop(it.tags.remove(key)));
            done()
        }
        ("ModifyDBInstance", Some(it), _) => {
            it.groups = list(call, "VpcSecurityGroupIds.VpcSecurityGroupId");
            done()
        }
        ("PromoteReadReplica", Some(it), _) if it.source.is_some() => {
            (it.source, it.replication) = (None, None);
            done()
        }
        ("PromoteReadReplica", ..) => rds_error("InvalidDBInstanceState"),
        (_, _, secret) => secrets_manager(secret, action, call),
    }
}

fn secrets_manager(secret: Option<&mut Secret>, action: &str, call: &Value) -> Value {
    let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
    let Some(secret) = secret else {
        return json!({"__type": "ResourceNotFoundException", "message": "none"});
    };
    match action {
        "GetSecretValue" => {
            json!({"ARN": "arn", "Name": call["SecretId"], "VersionId": secret.current,
                   "SecretString": secret.versions[&secret.current].to_string()})
        }
        "PutSecretValue" => {
            let value: Value = serde_json::from_str(&text("SecretString")).unwrap();
            match secret.versions.get(&text("ClientRequestToken")) {
                Some(other) if *other != value => {
                    json!({"__type": "ResourceExistsException", "message": "other"})
                }
                _ => {
                    secret.versions.insert(text("ClientRequestToken"), value);
                    json!({"VersionId": text("ClientRequestToken")})
                }
            }
        }
        "UpdateSecretVersionStage" if text("RemoveFromVersionId") == secret.current => {
            secret.current = text("MoveToVersionId");
            json!({"ARN": "arn"})
        }
        "UpdateSecretVersionStage" => json!({"__type": "InvalidParameterException", "message": "moved"}),
        other => panic!("nobody answers {other}"),
    }
}

/// `Name.1`, `Name.2` and so on.
fn list(call: &Value, name: &str) -> Vec<String> {
    (1..).map_while(|at| call[format!("{name}.{at}")].as_str().map(str::to_owned)).collect()
}

fn described(it: &Instance, region: &str) -> String {
    let element = |name: &str, text: &str| format!("<{name}>{text}</{name}>");
    let group = |id: &String| {
        let id = element("VpcSecurityGroupId", id);
        element("VpcSecurityGroupMembership", &(id + "<Status>active</Status>"))
    };
    let tag =
        |(key, value): (&String, &String)| element("Tag", &(element("Key", key) + &element("Value", value)));
    let source = |source: &String| element("ReadReplicaSourceDBInstanceIdentifier", source);
    let status = |status: &String| {
        let status = format!("<StatusType>read replication</StatusType>{}", element("Status", status));
        element("StatusInfos", &element("DBInstanceStatusInfo", &status))
    };
    let address = element("Address", &format!("billing.{region}.example"));
    let all = [
        element("DBInstanceIdentifier", "billing"),
        element("DBInstanceArn", &arn(region)),
        element("DBInstanceStatus", &it.status),
        element("Engine", "postgres"),
        element("BackupRetentionPeriod", &it.backup_retention_period.to_string()),
        element("Endpoint", &(address + "<Port>5432</Port>")),
        element("VpcSecurityGroups", &it.groups.iter().map(group).collect::<String>()),
        it.source.as_ref().map(source).unwrap_or_default(),
        it.replication.as_ref().map(status).unwrap_or_default(),
        element("TagList", &it.tags.iter().map(tag).collect::<String>()),
    ];
    let instances = element("DBInstances", &element("DBInstance", &all.concat()));
    element("DescribeDBInstancesResponse", &element("DescribeDBInstancesResult", &instances))
}
