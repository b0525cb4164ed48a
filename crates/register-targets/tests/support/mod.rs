//! Lanes, copies and secrets as AWS describes them.

// Each test file uses its own part.
#![allow(dead_code)]

use aws_sdk_elasticloadbalancingv2::Client as Elb;
use aws_sdk_rds::Client as Rds;
use aws_sdk_secretsmanager::Client as Secrets;
use aws_smithy_mocks::{Rule, mock};
use replication::Run;
use serde_json::{Value, json};
use test_support::{json_answer, xml_answer};

pub const LANES: [&str; 2] = [
    "arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/orders-a/0123456789abcdef",
    "arn:aws:elasticloadbalancing:us-east-1:222222222222:targetgroup/orders-b/0123456789abcdef",
];
const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:222222222222:loadbalancer/net/orders/1";

pub fn reach() -> Value {
    let lane = |index: usize| json!({"targetGroupArn": LANES[index], "port": 6001 + index});
    json!({"networkLoadBalancer": {"lanes": [lane(0), lane(1)], "loadBalancerSecurityGroupId": "sg-1b"}})
}

fn answer(operation: &str, body: &str) -> String {
    format!("<{operation}Response><{operation}Result>{body}</{operation}Result></{operation}Response>")
}

/// The target groups of both lanes, with the load balancer, its listeners and the tag of one of them.
pub fn groups(tag: &'static str) -> Vec<Rule> {
    let group = |index: usize| {
        let arn = LANES[index];
        let body = format!(
            "<TargetGroups><member><TargetGroupArn>{arn}</TargetGroupArn><TargetType>ip</TargetType><Protocol>TCP\
             </Protocol><VpcId>vpc-1</VpcId><LoadBalancerArns><member>{BALANCER}</member></LoadBalancerArns></member>\
             </TargetGroups>"
        );
        mock!(Elb::describe_target_groups)
            .match_requests(move |it| it.target_group_arns() == [arn])
            .then_http_response(move || xml_answer(200, &answer("DescribeTargetGroups", &body)))
    };
    let tags = mock!(Elb::describe_tags).then_http_response(move || {
        let tag = format!("<Tags><member><Key>{tag}</Key><Value>yes</Value></member></Tags>");
        let body = format!("<TagDescriptions><member>{tag}</member></TagDescriptions>");
        xml_answer(200, &answer("DescribeTags", &body))
    });
    let balancer = mock!(Elb::describe_load_balancers).then_http_response(|| {
        let body = "<LoadBalancers><member><DNSName>nlb.example</DNSName><Type>network</Type></member></LoadBalancers>";
        xml_answer(200, &answer("DescribeLoadBalancers", body))
    });
    let listeners = mock!(Elb::describe_listeners).then_http_response(|| {
        let listener = |index: usize| {
            let action = format!("<Type>forward</Type><TargetGroupArn>{}</TargetGroupArn>", LANES[index]);
            let port = 6001 + index;
            format!(
                "<member><Port>{port}</Port><Protocol>TCP</Protocol><DefaultActions><member>{action}</member>\
                 </DefaultActions></member>"
            )
        };
        let body = format!("<Listeners>{}{}</Listeners>", listener(0), listener(1));
        xml_answer(200, &answer("DescribeListeners", &body))
    });
    vec![group(0), group(1), tags, balancer, listeners]
}

/// The targets of a lane: address, port and state of each.
pub fn targets(lane: usize, targets: &'static [(&'static str, u16, &'static str)]) -> Rule {
    mock!(Elb::describe_target_health)
        .match_requests(move |it| it.target_group_arn() == Some(LANES[lane]))
        .then_http_response(move || {
            let target = |(id, port, state): &(&str, u16, &str)| {
                format!(
                    "<member><Target><Id>{id}</Id><Port>{port}</Port></Target><TargetHealth><State>{state}</State>\
                     </TargetHealth></member>"
                )
            };
            let all: String = targets.iter().map(target).collect();
            let body = format!("<TargetHealthDescriptions>{all}</TargetHealthDescriptions>");
            xml_answer(200, &answer("DescribeTargetHealth", &body))
        })
}

pub fn taken() -> [Rule; 2] {
    [
        mock!(Elb::register_targets).then_http_response(|| xml_answer(200, &answer("RegisterTargets", ""))),
        mock!(Elb::deregister_targets)
            .then_http_response(|| xml_answer(200, &answer("DeregisterTargets", ""))),
    ]
}

/// A copy's DB instance. Its name is an address, which leads to itself.
pub fn instance(identifier: &str, address: &str) -> String {
    let tags = Run::from_identifier(identifier).unwrap().tags();
    instance_tagged(identifier, address, tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
}

pub fn instance_tagged<'a>(
    identifier: &str,
    address: &str,
    tags: impl Iterator<Item = (&'a str, &'a str)>,
) -> String {
    let tags: String =
        tags.map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>")).collect();
    format!(
        "<DBInstance><DBInstanceIdentifier>{identifier}</DBInstanceIdentifier><Engine>postgres</Engine><DBInstanceStatus>available\
         </DBInstanceStatus><Endpoint><Address>{address}</Address><Port>5432</Port></Endpoint><DBSubnetGroup><VpcId>vpc-1\
         </VpcId><Subnets><Subnet><SubnetIdentifier>subnet-1</SubnetIdentifier></Subnet></Subnets></DBSubnetGroup>\
         <TagList>{tags}</TagList></DBInstance>"
    )
}

pub fn instances(all: &[String]) -> Rule {
    let body = format!("<DBInstances>{}</DBInstances>", all.concat());
    mock!(Rds::describe_db_instances)
        .then_http_response(move || xml_answer(200, &answer("DescribeDBInstances", &body)))
}

/// The application's secret, and the run that it is pinned to.
pub fn secret(value: Value, pinned: Option<&'static str>) -> [Rule; 2] {
    let says = json!({"SecretString": value.to_string(), "VersionId": "v1"});
    let tags: Vec<Value> = pinned.iter().map(|it| json!({"Key": "snapferry:pinned", "Value": it})).collect();
    let described = json!({ "Tags": tags });
    [
        mock!(Secrets::get_secret_value).then_http_response(move || json_answer(&says)),
        mock!(Secrets::describe_secret).then_http_response(move || json_answer(&described)),
    ]
}
