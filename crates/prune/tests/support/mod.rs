//! The account that `Prune` looks at, as RDS and Secrets Manager describe it, and the answers that it gets.

// Not every suite uses all of it.
#![allow(dead_code)]

use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use prune::{Clients, Error, Response, handle};
use replication::Run;
use serde_json::{Value, json};
use step::Tags;
use test_support::{Calls, json_answer, logs, rds_fault, xml_answer};

pub const OLD: &str = "orders-20200101t000000z-0000";
pub const MIDDLE: &str = "orders-20200102t000000z-0000";
pub const NEW: &str = "orders-20200103t000000z-0000";
pub const FUTURE: &str = "orders-29990101t000000z-0000";
pub const APPLICATION: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:orders-AbCdEf";

pub fn tags(identifier: &str) -> Tags {
    Run::from_identifier(identifier.trim_end_matches("-copy")).unwrap().tags()
}

pub fn snapshot(identifier: &str) -> String {
    rds_thing("Snapshot", identifier, &tags(identifier), "")
}

/// A DB instance that was once fit to go live.
pub fn instance(identifier: &str) -> String {
    instance_saying(identifier, "")
}

pub fn instance_saying(identifier: &str, more: &str) -> String {
    let mut tags = tags(identifier);
    tags.insert("snapferry:proven".to_owned(), "2020-01-01T00:00:00Z".to_owned());
    rds_thing("Instance", identifier, &tags, more)
}

/// As RDS describes it; the last word on a status counts.
pub fn rds_thing(kind: &str, identifier: &str, tags: &Tags, more: &str) -> String {
    let tag = |(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags = tags.iter().map(tag).collect::<String>();
    format!(
        "<DB{kind}Identifier>{identifier}</DB{kind}Identifier><Status>available</Status>\
         <DBInstanceStatus>available</DBInstanceStatus>{more}<TagList>{tags}</TagList>"
    )
}

pub fn snapshots(list: &[String]) -> Rule {
    snapshots_page(None, list, "")
}

pub fn snapshots_page(marker: Option<&'static str>, list: &[String], more: &str) -> Rule {
    let answer = page("Snapshot", list, more);
    mock!(Rds::describe_db_snapshots)
        .match_requests(move |request| request.marker() == marker)
        .then_http_response(move || xml_answer(200, &answer))
}

pub fn instances(list: &[String]) -> Rule {
    instances_page(None, list, "")
}

pub fn instances_page(marker: Option<&'static str>, list: &[String], more: &str) -> Rule {
    let answer = page("Instance", list, more);
    mock!(Rds::describe_db_instances)
        .match_requests(move |request| request.marker() == marker)
        .then_http_response(move || xml_answer(200, &answer))
}

pub fn page(kind: &str, list: &[String], more: &str) -> String {
    let list = list.iter().map(|it| format!("<DB{kind}>{it}</DB{kind}>")).collect::<String>();
    let result =
        format!("<DescribeDB{kind}sResult>{more}<DB{kind}s>{list}</DB{kind}s></DescribeDB{kind}sResult>");
    format!("<DescribeDB{kind}sResponse>{result}</DescribeDB{kind}sResponse>")
}

/// The secrets of an account whose application's secret names `live`.
pub fn secrets(live: &str, list: &[Value]) -> Vec<Rule> {
    let listed = json!({ "SecretList": list });
    let listed = mock!(Secrets::list_secrets).then_http_response(move || json_answer(&listed));
    let value = json!({ "dbInstanceIdentifier": live }).to_string();
    vec![described(json!({})), current(json!({ "SecretString": value })), listed]
}

pub fn described(answer: Value) -> Rule {
    mock!(Secrets::describe_secret).then_http_response(move || json_answer(&answer))
}

pub fn current(answer: Value) -> Rule {
    mock!(Secrets::get_secret_value).then_http_response(move || json_answer(&answer))
}

pub fn secret(identifier: &str) -> Value {
    let copy = Run::from_identifier(identifier).unwrap();
    json!({"Name": copy.secret_name(), "Tags": secret_tags(identifier)})
}

pub fn secret_tags(identifier: &str) -> Value {
    tags(identifier).iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// What RDS says when it takes a call.
pub fn taken(action: &str) -> HttpResponse {
    xml_answer(200, &format!("<{action}Response><{action}Result/></{action}Response>"))
}

/// Where the older of two copies answers, as its name is this address.
pub const OLD_ADDRESS: &str = "10.0.0.1";

/// Every lane has this target.
pub fn target_of_lanes(id: &'static str) -> Rule {
    mock!(Elb::describe_target_health).then_http_response(move || {
        let target = format!("<Target><Id>{id}</Id><Port>5432</Port></Target>");
        let member = format!("<member>{target}<TargetHealth><State>healthy</State></TargetHealth></member>");
        let all = format!("<TargetHealthDescriptions>{member}</TargetHealthDescriptions>");
        let result = format!("<DescribeTargetHealthResult>{all}</DescribeTargetHealthResult>");
        xml_answer(200, &format!("<DescribeTargetHealthResponse>{result}</DescribeTargetHealthResponse>"))
    })
}

/// Of the log groups, a call gets the next of these answers.
pub fn clients(calls: &Calls, rds: &[Rule], secrets: &[Rule], log_groups: &[Value]) -> Clients {
    let rds = mock_client!(aws_sdk_rds, RuleMode::MatchAny, rds, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let secrets = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, secrets, |config| {
        config.retry_config(RetryConfig::disabled()).interceptor(calls.clone())
    });
    let elb = mock_client!(
        aws_sdk_elasticloadbalancingv2,
        RuleMode::MatchAny,
        &[target_of_lanes(OLD_ADDRESS)],
        |config| { config.interceptor(calls.clone()) }
    );
    Clients { elb, rds, secrets, logs: logs(log_groups, calls) }
}

pub fn source() -> Value {
    let retention = json!({"runs": 1, "minAgeHours": 24});
    json!({"account": {"source": {"replication": "orders", "retention": retention}}, "stage": {}})
}

/// Beside the live copy, none is kept for its age.
pub fn target() -> Value {
    let retention = json!({"copies": 0, "cutoverGraceHours": 1, "failedCopyHours": 1});
    json!({
        "account": {"target": {
            "replication": "orders", "retention": retention, "applicationSecretArn": APPLICATION,
        }},
        "stage": {},
    })
}

/// What was sent but for looks.
pub fn changes(sent: &[Value]) -> Vec<Value> {
    let is_look = |it: &&Value| {
        it["Action"].as_str().is_some_and(|it| it.starts_with("Get") || it.starts_with("Describe"))
    };
    sent.iter().filter(|it| !is_look(it) && it["Action"] != "ListSecrets").cloned().collect()
}

pub fn delete_snapshot(identifier: &str) -> Value {
    json!({"Action": "DeleteDBSnapshot", "DBSnapshotIdentifier": identifier})
}

pub fn delete_instance(identifier: &str) -> Value {
    json!({
        "Action": "DeleteDBInstance", "DBInstanceIdentifier": identifier, "SkipFinalSnapshot": "true",
        "DeleteAutomatedBackups": "true",
    })
}

/// What the step answers, and every request that it sends, in order; every change is taken.
pub async fn look(rds: &[Rule], secrets: &[Rule], request: Value) -> (Result<Response, Error>, Vec<Value>) {
    look_with_logs(rds, secrets, &[json!({"logGroups": []})], request).await
}

/// The same in an account whose CloudWatch Logs answers so.
pub async fn look_with_logs(
    rds: &[Rule],
    secrets: &[Rule],
    log_groups: &[Value],
    request: Value,
) -> (Result<Response, Error>, Vec<Value>) {
    let taken = [
        mock!(Rds::delete_db_snapshot).then_http_response(|| taken("DeleteDBSnapshot")),
        mock!(Rds::delete_db_instance).then_http_response(|| taken("DeleteDBInstance")),
        mock!(Rds::modify_db_instance).then_http_response(|| taken("ModifyDBInstance")),
        mock!(Rds::start_db_instance).then_http_response(|| taken("StartDBInstance")),
    ];
    let secret_deleted = mock!(Secrets::delete_secret).then_http_response(|| json_answer(&json!({})));
    let calls = Calls::default();
    let secrets = [secrets, &[secret_deleted]].concat();
    let clients = clients(&calls, &[rds, &taken].concat(), &secrets, log_groups);
    let answer = handle(&clients, request).await;
    let sent = calls.sent();
    (answer, sent)
}

/// A proxy with this target; all others do not exist.
pub fn proxy_with(name: &'static str, behind: &'static str) -> [Rule; 3] {
    let answer = |action: &str, body: &str| {
        xml_answer(
            200,
            &format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"),
        )
    };
    let found = mock!(Rds::describe_db_proxies)
        .match_requests(move |it| it.db_proxy_name() == Some(name))
        .then_http_response(move || {
            let member = format!("<member><Endpoint>{name}.proxy-1.example</Endpoint></member>");
            answer("DescribeDBProxies", &format!("<DBProxies>{member}</DBProxies>"))
        });
    let targets = mock!(Rds::describe_db_proxy_targets).then_http_response(move || {
        let member = format!("<member><RdsResourceId>{behind}</RdsResourceId></member>");
        answer("DescribeDBProxyTargets", &format!("<Targets>{member}</Targets>"))
    });
    let gone = mock!(Rds::describe_db_proxies)
        .match_requests(move |it| it.db_proxy_name() != Some(name))
        .then_http_response(|| rds_fault("DBProxyNotFoundFault"));
    [found, targets, gone]
}
