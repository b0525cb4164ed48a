//! `RegisterTargets` and `CheckReach` by RDS Proxies on the real clients: what they answer, and every request.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use aws_sdk_rds::Client as Rds;
use aws_sdk_rds::config::retry::RetryConfig;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use register_targets::Error;
use register_targets::check_reach;
use register_targets::register_targets::{Clients, Response, handle};
use serde_json::{Value, json};
use support::{instance, instances};
use test_support::{Calls, actions, assert_fails, ec2, json_answer, rds_fault, the, xml_answer};

const OWN: &str = "orders-20261120t160812z-3f9a";
const OLDER: &str = "orders-20261119t160812z-2222";
const LIVE: &str = "orders-20261118t160812z-1111";
const APPLICATION: &str = "arn:aws:secretsmanager:us-east-1:222222222222:secret:orders-AbCdEf";

fn lane_secret(lane: &str) -> String {
    format!("arn:aws:secretsmanager:us-east-1:222222222222:secret:snapferry/orders/{lane}-AbCdEf")
}

fn reach() -> Value {
    let lane = |name: &str| json!({"dbProxyName": name, "laneSecretId": lane_secret(name)});
    json!({"dbProxy": {"lanes": [lane("lane-a"), lane("lane-b")]}})
}

fn request() -> Value {
    json!({
        "replication": "orders", "run": "20261120t160812z-3f9a", "reach": reach(), "applicationSecretArn": APPLICATION,
        "cutoverGraceHours": 24, "stageDeadlineSeconds": 3600, "stage": {},
    })
}

fn answer(action: &str, body: &str) -> aws_sdk_rds::config::http::HttpResponse {
    xml_answer(200, &format!("<{action}Response><{action}Result>{body}</{action}Result></{action}Response>"))
}

/// A proxy with its target: the DB instance, and its state.
fn proxy(name: &'static str, behind: Option<(&'static str, &'static str)>) -> [Rule; 2] {
    let found = mock!(Rds::describe_db_proxies).match_requests(move |it| it.db_proxy_name() == Some(name));
    let targets =
        mock!(Rds::describe_db_proxy_targets).match_requests(move |it| it.db_proxy_name() == Some(name));
    let found = found.then_http_response(move || {
        let auth = format!("<member><SecretArn>{}</SecretArn><IAMAuth>DISABLED</IAMAuth></member>", lane_secret(name));
        let member = format!(
            "<member><DBProxyName>{name}</DBProxyName><Status>available</Status><EngineFamily>POSTGRESQL</EngineFamily>\
             <VpcId>vpc-1</VpcId><RequireTLS>true</RequireTLS><RoleArn>arn:role</RoleArn><Auth>{auth}</Auth>\
             <Endpoint>{name}.proxy-1.example</Endpoint></member>"
        );
        answer("DescribeDBProxies", &format!("<DBProxies>{member}</DBProxies>"))
    });
    let targets = targets.then_http_response(move || {
        let member = behind.map(|(identifier, state)| {
            format!(
                "<member><RdsResourceId>{identifier}</RdsResourceId><TargetHealth><State>{state}</State></TargetHealth>\
                 </member>"
            )
        });
        answer("DescribeDBProxyTargets", &format!("<Targets>{}</Targets>", member.unwrap_or_default()))
    });
    [found, targets]
}

fn taken() -> [Rule; 2] {
    [
        mock!(Rds::register_db_proxy_targets).then_http_response(|| answer("RegisterDBProxyTargets", "")),
        mock!(Rds::deregister_db_proxy_targets).then_http_response(|| answer("DeregisterDBProxyTargets", "")),
    ]
}

fn says(secret: String, value: Value) -> Rule {
    let answer = json!({"SecretString": value.to_string(), "VersionId": format!("version of {secret}")});
    mock!(Secrets::get_secret_value)
        .match_requests(move |it| it.secret_id() == Some(&secret))
        .then_http_response(move || json_answer(&answer))
}

/// The application's secret leads to `live` by `lane`, the copy's own secret says `its-own`, and the lane secrets say
/// these passwords.
fn secrets(live: &str, lane: &str, passwords: [&str; 2]) -> Vec<Rule> {
    let login = |password: &str| json!({"username": "master", "password": password, "other": "stays"});
    let host = format!("{lane}.proxy-1.example");
    let application = json!({
        "dbInstanceIdentifier": live, "host": host, "port": 5432, "username": "master", "password": "rotated",
    });
    let own = json!({
        "engine": "postgres", "username": "master", "password": "its-own", "logins": {"app": "of-the-app"},
    });
    vec![
        says(APPLICATION.to_owned(), application),
        says("snapferry/orders/20261120t160812z-3f9a".to_owned(), own),
        says(lane_secret("lane-a"), login(passwords[0])),
        says(lane_secret("lane-b"), login(passwords[1])),
        mock!(Secrets::describe_secret).then_http_response(|| json_answer(&json!({}))),
        mock!(Secrets::put_secret_value).then_http_response(|| json_answer(&json!({}))),
    ]
}

async fn look(rds: Vec<Rule>, secrets: Vec<Rule>, request: Value) -> (Result<Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let (all, once) = (RuleMode::MatchAny, RetryConfig::disabled());
    let copies = [instance(OWN, "10.0.0.4"), instance(OLDER, "10.0.0.2"), instance(LIVE, "10.0.0.3")];
    let rds = [rds, vec![instances(&copies)]].concat();
    let rds =
        mock_client!(aws_sdk_rds, all, &rds, |it| it.retry_config(once.clone()).interceptor(calls.clone()));
    let secrets = mock_client!(aws_sdk_secretsmanager, all, &secrets, |it| it.interceptor(calls.clone()));
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, &[]);
    let clients = Clients { elb, rds, secrets, ec2: ec2(&[], &calls) };
    (handle(&clients, request).await, calls.sent())
}

/// The proxies with their targets, and the answers to changes.
fn rds(a: Option<(&'static str, &'static str)>, b: Option<(&'static str, &'static str)>) -> Vec<Rule> {
    [proxy("lane-a", a), proxy("lane-b", b), taken()].concat()
}

fn changes(sent: &[Value]) -> Vec<&str> {
    let changes = ["RegisterDBProxyTargets", "DeregisterDBProxyTargets", "PutSecretValue"];
    actions(sent).into_iter().filter(|it| changes.contains(it)).collect()
}

const AT_WORK: Option<(&str, &str)> = Some((LIVE, "AVAILABLE"));

#[tokio::test]
async fn an_outlived_copy_goes_then_the_secret_is_written_then_the_copy_is_registered() {
    let outlived = rds(AT_WORK, Some((OLDER, "AVAILABLE")));
    let (answer, sent) = look(outlived, secrets(LIVE, "lane-a", ["old", "old"]), request()).await;
    assert_eq!(changes(&sent), ["DeregisterDBProxyTargets"]);
    let deregister = the("DeregisterDBProxyTargets", &sent);
    assert_eq!(
        [&deregister["DBProxyName"], &deregister["DBInstanceIdentifiers.member.1"]],
        ["lane-b", OLDER]
    );
    assert!(!answer.unwrap().look.done);

    let (answer, sent) = look(rds(AT_WORK, None), secrets(LIVE, "lane-a", ["old", "old"]), request()).await;
    assert_eq!(changes(&sent), ["PutSecretValue"]);
    let put = the("PutSecretValue", &sent);
    assert_eq!(put["SecretId"], lane_secret("lane-b"));
    let written: Value = serde_json::from_str(put["SecretString"].as_str().unwrap()).unwrap();
    assert_eq!(written, json!({"username": "master", "password": "its-own", "other": "stays"}));
    let answer = answer.unwrap();
    assert!(!answer.look.done && answer.look.wait_seconds == 1);
    assert!(!format!("{answer:?}").contains("its-own"), "no password is told");

    let (answer, sent) =
        look(rds(AT_WORK, None), secrets(LIVE, "lane-a", ["old", "its-own"]), request()).await;
    assert_eq!(changes(&sent), ["RegisterDBProxyTargets"]);
    let register = the("RegisterDBProxyTargets", &sent);
    assert_eq!([&register["DBProxyName"], &register["DBInstanceIdentifiers.member.1"]], ["lane-b", OWN]);
    assert!(!answer.unwrap().look.done);
}

#[tokio::test]
async fn a_copy_that_has_its_proxy_stays_there() {
    let done = rds(AT_WORK, Some((OWN, "AVAILABLE")));
    let (answer, sent) = look(done, secrets(LIVE, "lane-a", ["old", "its-own"]), request()).await;
    assert_eq!(changes(&sent), [""; 0]);
    let answer = serde_json::to_value(answer.unwrap()).unwrap();
    let endpoint = "lane-b.proxy-1.example";
    let lane = json!({
        "address": endpoint, "host": endpoint, "port": 5432, "heldIn": {"dbProxy": {"dbProxyName": "lane-b"}},
    });
    // The certificate of a proxy names the proxy.
    let paths = json!([{"address": endpoint, "port": 5432, "tlsName": endpoint, "tls": "verifyFull"}]);
    assert_eq!([&answer["done"], &answer["live"]], [true, false]);
    assert_eq!([&answer["lane"], &answer["paths"]], [&lane, &paths]);
}

// A proxy lets in only whom its secret names.
#[tokio::test]
async fn the_lane_knows_the_login_of_applications() {
    let mut request = request();
    request["applicationSecret"] = json!({"applicationUser": {"login": "app"}});
    let done = || rds(AT_WORK, Some((OWN, "AVAILABLE")));
    let (_, sent) = look(done(), secrets(LIVE, "lane-a", ["old", "its-own"]), request.clone()).await;
    let written = the("PutSecretValue", &sent)["SecretString"].as_str().unwrap();
    let written: Value = serde_json::from_str(written).unwrap();
    assert_eq!([&written["username"], &written["password"]], ["app", "of-the-app"]);

    request["applicationSecret"]["applicationUser"]["login"] = json!("nobody");
    let (answer, sent) = look(done(), secrets(LIVE, "lane-a", ["old", "its-own"]), request).await;
    assert_fails(answer, "Snapferry.ApplicationUserUnknown", "nobody");
    assert!(changes(&sent).is_empty());
}

// A password that was rotated since: the application's secret knows it, and the lane must know it too.
#[tokio::test]
async fn the_lane_of_the_live_copy_gets_the_password_that_applications_have() {
    let live = || rds(Some((OWN, "AVAILABLE")), None);
    let (answer, sent) = look(live(), secrets(OWN, "lane-a", ["its-own", "old"]), request()).await;
    assert_eq!(changes(&sent), ["PutSecretValue"]);
    let put = the("PutSecretValue", &sent);
    assert_eq!(put["SecretId"], lane_secret("lane-a"));
    assert!(put["SecretString"].as_str().unwrap().contains("rotated"));
    assert!(answer.unwrap().live);
    let (answer, sent) = look(live(), secrets(OWN, "lane-a", ["rotated", "old"]), request()).await;
    assert!(answer.unwrap().look.done && changes(&sent).is_empty());

    // The secret names another copy, but its host leads to this one.
    let mut request = request();
    request["pin"] = json!("set");
    let (answer, sent) = look(live(), secrets("legacy", "lane-a", ["rotated", "old"]), request).await;
    let answer = answer.unwrap();
    assert!(answer.live && answer.look.done && changes(&sent).is_empty(), "{answer:?}");
}

#[tokio::test]
async fn a_db_instance_that_is_busy_is_waited_for_and_another_refusal_is_told() {
    let refused = |code: &'static str| {
        let rule = mock!(Rds::register_db_proxy_targets).then_http_response(move || rds_fault(code));
        [proxy("lane-a", AT_WORK).to_vec(), proxy("lane-b", None).to_vec(), vec![rule]].concat()
    };
    let known = || secrets(LIVE, "lane-a", ["old", "its-own"]);
    for code in ["InvalidDBInstanceState", "DBProxyTargetAlreadyRegisteredFault"] {
        let (answer, _) = look(refused(code), known(), request()).await;
        let answer = answer.unwrap();
        assert!(!answer.look.done && answer.look.reason.contains(code), "{}", answer.look.reason);
    }
    let (answer, _) = look(refused("AccessDenied"), known(), request()).await;
    assert_fails(answer, "Snapferry.RdsRefused", "RegisterDBProxyTargets failed");
}

async fn check(rds: Vec<Rule>, request: Value) -> (Result<check_reach::Response, Error>, Vec<Value>) {
    let calls = Calls::default();
    let all = RuleMode::MatchAny;
    let rds = mock_client!(aws_sdk_rds, all, &rds, |it| it.interceptor(calls.clone()));
    let elb = mock_client!(aws_sdk_elasticloadbalancingv2, all, &[]);
    (check_reach::handle(&elb, &rds, request).await, calls.sent())
}

#[tokio::test]
async fn proxies_that_cannot_be_lanes_are_refused_before_anything_is_copied() {
    let request = |engine: &str| json!({"reach": reach(), "engine": engine});
    let (answer, sent) = check(rds(None, None), request("postgres")).await;
    assert_eq!(answer.unwrap(), check_reach::Response { lanes: 2 });
    assert_eq!(actions(&sent), ["DescribeDBProxies", "DescribeDBProxies"]);
    let (answer, _) = check(rds(None, None), request("mysql")).await;
    assert_fails(
        answer,
        "Snapferry.ReachNotUsable",
        "RDS Proxy lane-a cannot be a lane: it is of the family",
    );
    let missing = mock!(Rds::describe_db_proxies)
        .match_requests(|it| it.db_proxy_name() == Some("lane-b"))
        .then_http_response(|| rds_fault("DBProxyNotFoundFault"));
    let rules = [proxy("lane-a", None).to_vec(), vec![missing]].concat();
    let (answer, _) = check(rules, request("postgres")).await;
    assert_fails(answer, "Snapferry.ReachNotUsable", "RDS Proxy lane-b cannot be a lane: it does not exist");
}
