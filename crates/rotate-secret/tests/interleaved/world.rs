//! An account in memory, behind the real SDK clients: a call takes effect at the moment that the schedule gives it.

use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_rds::config::{BehaviorVersion, Credentials, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use rotate_secret::promote_secret;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use test_support::{json_answer, rds_fault, xml_answer};

use crate::schedule::Gate;

pub const APPLICATION: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:orders-AbCdEf";

/// A secret as Secrets Manager keeps it.
#[derive(Debug, Clone, Default)]
pub struct Secret {
    pub versions: BTreeMap<String, Value>,
    pub labels: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// DB instances with their master passwords, and secrets.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub passwords: BTreeMap<String, String>,
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    pub secrets: BTreeMap<String, Secret>,
}

impl Secret {
    pub fn of(version: &str, value: Value) -> Self {
        let labels = BTreeMap::from([("AWSCURRENT".to_owned(), version.to_owned())]);
        Self { versions: BTreeMap::from([(version.to_owned(), value)]), labels, ..Self::default() }
    }

    pub fn current(&self) -> &Value {
        &self.versions[&self.labels["AWSCURRENT"]]
    }

    /// Moves a label; AWSPREVIOUS follows AWSCURRENT.
    pub fn label(&mut self, label: &str, version: &str) {
        if let Some(before) = self.labels.insert(label.to_owned(), version.to_owned())
            && label == "AWSCURRENT"
            && before != version
        {
            self.labels.insert("AWSPREVIOUS".to_owned(), before);
        }
    }
}

impl State {
    pub fn application(&mut self) -> &mut Secret {
        self.secrets.get_mut(APPLICATION).unwrap()
    }

    /// Whether the application's secret leads to a database that accepts its credentials.
    pub fn opens(&self) -> bool {
        let value = self.secrets[APPLICATION].current();
        let instance = value["dbInstanceIdentifier"].as_str().unwrap_or_default();
        self.passwords.get(instance).is_some_and(|password| value["password"] == **password)
    }

    fn answer(&mut self, request: &HttpRequest) -> HttpResponse {
        let body = request.body().bytes().unwrap();
        match request.headers().get("x-amz-target") {
            Some(target) => {
                let call: Value = serde_json::from_slice(body).unwrap();
                self.secrets_manager(target.rsplit('.').next().unwrap(), &call)
            }
            None => self.rds(&form_urlencoded::parse(body).into_owned().collect()),
        }
    }

    fn secrets_manager(&mut self, action: &str, call: &Value) -> HttpResponse {
        let text = |key: &str| call[key].as_str().unwrap_or_default().to_owned();
        let Some(secret) = self.secrets.get_mut(&text("SecretId")) else {
            return json_answer(&json!({"__type": "ResourceNotFoundException"}));
        };
        json_answer(&match action {
            "GetSecretValue" => {
                let version = &secret.labels["AWSCURRENT"];
                json!({"VersionId": version, "SecretString": secret.versions[version].to_string()})
            }
            "DescribeSecret" => {
                let mut stages = Map::new();
                for (label, version) in &secret.labels {
                    let labels = stages.entry(version.clone()).or_insert_with(|| json!([]));
                    labels.as_array_mut().unwrap().push(json!(label));
                }
                let tags: Vec<_> =
                    secret.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
                json!({"VersionIdsToStages": stages, "Tags": tags})
            }
            "PutSecretValue" => {
                let (version, value) =
                    (text("ClientRequestToken"), serde_json::from_str(&text("SecretString")).unwrap());
                if secret.versions.get(&version).is_some_and(|it| *it != value) {
                    return json_answer(&json!({"__type": "ResourceExistsException"}));
                }
                secret.versions.insert(version.clone(), value);
                secret.label(call["VersionStages"][0].as_str().unwrap(), &version);
                json!({})
            }
            "UpdateSecretVersionStage" => {
                if secret.labels.get(&text("VersionStage")) != Some(&text("RemoveFromVersionId")) {
                    return json_answer(&json!({"__type": "InvalidParameterException"}));
                }
                match call["MoveToVersionId"].as_str() {
                    Some(version) => secret.label(&text("VersionStage"), version),
                    None => drop(secret.labels.remove(&text("VersionStage"))),
                }
                json!({})
            }
            "TagResource" => {
                secret.tags.insert(
                    call["Tags"][0]["Key"].as_str().unwrap().to_owned(),
                    call["Tags"][0]["Value"].as_str().unwrap().to_owned(),
                );
                json!({})
            }
            "UntagResource" => {
                secret.tags.remove(call["TagKeys"][0].as_str().unwrap());
                json!({})
            }
            other => panic!("{other} is not expected"),
        })
    }

    fn rds(&mut self, call: &BTreeMap<String, String>) -> HttpResponse {
        match call["Action"].as_str() {
            "DescribeDBInstances" => {
                let identifier = &call["DBInstanceIdentifier"];
                let Some(tags) = self.tags.get(identifier) else { return rds_fault("DBInstanceNotFound") };
                let tag = |(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
                let tags: String = tags.iter().map(tag).collect();
                xml_answer(
                    200,
                    &format!(
                        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>\
                         <DBInstanceArn>arn:aws:rds:us-east-1:222222222222:db:{identifier}</DBInstanceArn>\
                         <DBInstanceStatus>available</DBInstanceStatus><TagList>{tags}</TagList></DBInstance>\
                         </DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
                    ),
                )
            }
            "AddTagsToResource" => {
                let identifier = call["ResourceName"].rsplit(':').next().unwrap();
                let tags = self.tags.get_mut(identifier).unwrap();
                tags.insert(call["Tags.Tag.1.Key"].clone(), call["Tags.Tag.1.Value"].clone());
                xml_answer(200, "<AddTagsToResourceResponse/>")
            }
            other => panic!("{other} is not expected"),
        }
    }
}

/// The account as one actor reaches it: its clients are made once, and lead to whichever account is played with.
#[derive(Debug, Clone, Default)]
pub struct Line(Arc<Mutex<Option<Account>>>);

/// What one actor sees of the account.
#[derive(Debug, Clone)]
pub struct Account {
    pub state: Arc<Mutex<State>>,
    pub gate: Gate,
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let it = self.0.lock().unwrap().clone().unwrap();
        HttpConnectorFuture::new(async move {
            // What is asked of RDS is asked about the actor's own copy: it matters to nobody else when.
            if request.headers().contains_key("x-amz-target") {
                it.gate.pass().await;
            }
            Ok(it.state.lock().unwrap().answer(&request))
        })
    }
}

/// An actor's clients.
#[derive(Debug, Clone)]
pub struct Clients {
    line: Line,
    pub promote: promote_secret::Clients,
}

impl Clients {
    pub fn new() -> Self {
        let line = Line::default();
        let connector = SharedHttpConnector::new(line.clone());
        let http: SharedHttpClient = http_client_fn(move |_, _| connector.clone());
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::Config::builder()
                        .behavior_version(BehaviorVersion::latest())
                        .region(Region::from_static("us-east-1"))
                        .credentials_provider(Credentials::for_tests())
                        .retry_config(RetryConfig::disabled())
                        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
                        .http_client(http.clone())
                        .build(),
                )
            };
        }
        let promote = promote_secret::Clients {
            elb: client!(aws_sdk_elasticloadbalancingv2),
            rds: client!(aws_sdk_rds),
            secrets: client!(aws_sdk_secretsmanager),
        };
        Self { line, promote }
    }

    pub fn lead_to(&self, account: &Account) {
        *self.line.0.lock().unwrap() = Some(account.clone());
    }
}
