//! A copy that applications reach by a lane of a load balancer or by a proxy.

use super::*;
use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use test_support::{actions, assert_fails, the, xml_answer};

const LANE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/orders-b/0123456789abcdef";

fn request_by_lane() -> Value {
    let mut request = request_to_promote();
    request["reach"] = json!({
        "lane": {
            "address": "nlb.example", "host": "copy.example", "port": 6002,
            "heldIn": {"targetGroup": {"targetGroupArn": LANE, "targetIds": ["10.0.0.4"]}},
        },
        "proven": [{"address": "db.example", "port": 5432}, {"address": "nlb.example", "port": 6002}],
    });
    request
}

fn target(id: &'static str, state: &'static str) -> Rule {
    mock!(Elb::describe_target_health)
        .match_requests(|it| it.target_group_arn() == Some(LANE))
        .then_http_response(move || {
            let target = format!("<Target><Id>{id}</Id><Port>5432</Port></Target>");
            let member =
                format!("<member>{target}<TargetHealth><State>{state}</State></TargetHealth></member>");
            let all = format!("<TargetHealthDescriptions>{member}</TargetHealthDescriptions>");
            let result = format!("<DescribeTargetHealthResult>{all}</DescribeTargetHealthResult>");
            xml_answer(200, &format!("<DescribeTargetHealthResponse>{result}</DescribeTargetHealthResponse>"))
        })
}

fn moves(sent: &[Value]) -> usize {
    sent.iter().filter(|it| it["Action"] == "UpdateSecretVersionStage").count()
}

#[tokio::test]
async fn the_secret_leads_to_the_lane_of_the_copy() {
    let (answer, sent) =
        look_by_lane(&[target("10.0.0.4", "healthy")], &[copy()], &world(&json!({})), request_by_lane())
            .await;
    assert_moved(answer);
    let written = value_of(the("PutSecretValue", &sent));
    assert_eq!([&written["host"], &written["port"]], [&json!("copy.example"), &json!(6002)]);
    let order = actions(&sent);
    let at = |action: &str| order.iter().position(|it| *it == action).unwrap();
    assert!(at("DescribeTargetHealth") < at("UpdateSecretVersionStage"), "looked at just before");
}

// Invariant: nothing goes live whose path was not logged in through.
#[tokio::test]
async fn a_copy_that_is_not_proven_by_its_lane_changes_nothing() {
    let mut not_through_it = request_by_lane();
    not_through_it["reach"]["proven"] = json!([{"address": "db.example", "port": 5432}]);
    let mut without = request_by_lane();
    without["reach"] = json!({"lane": null, "proven": []});
    let healthy = || target("10.0.0.4", "healthy");
    for (request, elb, part) in [
        (not_through_it, healthy(), "nobody logged in to it at nlb.example:6002"),
        (without, healthy(), "it has no lane"),
        (request_by_lane(), target("10.0.0.9", "healthy"), "10.0.0.9:5432 is a target of its lane by now"),
    ] {
        let (answer, sent) = look_by_lane(&[elb], &[copy()], &world(&json!({})), request).await;
        assert_fails(answer, "Snapferry.ReachNotProven", part);
        assert_eq!(moves(&sent), 0);
    }
}

#[tokio::test]
async fn a_lane_that_fell_ill_is_waited_for() {
    let (answer, sent) =
        look_by_lane(&[target("10.0.0.4", "unhealthy")], &[copy()], &world(&json!({})), request_by_lane())
            .await;
    let reason = assert_waits(answer).look.reason;
    assert!(reason.contains("is not reached"), "{reason}");
    assert_eq!(moves(&sent), 0);
}

fn by_proxy(identifier: &str, state: &str) -> Rule {
    let member = format!(
        "<member><RdsResourceId>{identifier}</RdsResourceId><TargetHealth><State>{state}</State></TargetHealth></member>"
    );
    mock!(Rds::describe_db_proxy_targets)
        .match_requests(|it| it.db_proxy_name() == Some("orders-b"))
        .then_http_response(move || {
            let result = format!(
                "<DescribeDBProxyTargetsResult><Targets>{member}</Targets></DescribeDBProxyTargetsResult>"
            );
            xml_answer(
                200,
                &format!("<DescribeDBProxyTargetsResponse>{result}</DescribeDBProxyTargetsResponse>"),
            )
        })
}

#[tokio::test]
async fn the_secret_leads_to_the_proxy_of_the_copy_if_the_copy_is_its_target_still() {
    const PROXY: &str = "orders-b.proxy-1.example";
    let mut request = request_to_promote();
    request["reach"] = json!({
        "lane": {
            "address": PROXY, "host": PROXY, "port": 5432, "heldIn": {"dbProxy": {"dbProxyName": "orders-b"}},
        },
        "proven": [{"address": "db.example", "port": 5432}, {"address": PROXY, "port": 5432}],
    });
    let (answer, sent) =
        look_with(&[copy(), by_proxy(IDENTIFIER, "AVAILABLE")], &world(&json!({})), request.clone()).await;
    assert_moved(answer);
    let written = value_of(the("PutSecretValue", &sent));
    assert_eq!([&written["host"], &written["port"]], [&json!(PROXY), &json!(5432)]);
    let order = actions(&sent);
    let at = |action: &str| order.iter().position(|it| *it == action).unwrap();
    assert!(at("DescribeDBProxyTargets") < at("UpdateSecretVersionStage"), "looked at just before");

    let others = [copy(), by_proxy("orders-x", "AVAILABLE")];
    let (answer, sent) = look_with(&others, &world(&json!({})), request.clone()).await;
    assert_fails(answer, "Snapferry.ReachNotProven", "orders-x is the target of its lane by now");
    assert_eq!(moves(&sent), 0);

    let ill = [copy(), by_proxy(IDENTIFIER, "UNAVAILABLE")];
    let (answer, sent) = look_with(&ill, &world(&json!({})), request.clone()).await;
    assert!(assert_waits(answer).look.reason.contains("is not available in its RDS Proxy"));
    assert_eq!(moves(&sent), 0);

    request["reach"]["proven"] = json!([{"address": "db.example", "port": 5432}]);
    let available = [copy(), by_proxy(IDENTIFIER, "AVAILABLE")];
    let (answer, sent) = look_with(&available, &world(&json!({})), request).await;
    assert_fails(
        answer,
        "Snapferry.ReachNotProven",
        "nobody logged in to it at orders-b.proxy-1.example:5432",
    );
    assert_eq!(moves(&sent), 0);
}
