//! A Network Load Balancer before real listeners and a real DB instance.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::net::SocketAddr;

use serde_json::{Value, json};
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use support::{Account, shared, text, until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const ELB: &str = "elasticloadbalancing";

/// A load balancer with one listener and one group.
struct Lane<'a> {
    account: Account<'a>,
    group: String,
    balancer: String,
    name: String,
}

/// A group whose targets are healthy after two checks.
async fn group(account: Account<'_>, name: &str, port: &str) -> String {
    let parameters = [
        ("Name", name),
        ("Protocol", "TCP"),
        ("Port", port),
        ("TargetType", "ip"),
        ("VpcId", "vpc-1"),
        ("HealthCheckIntervalSeconds", "5"),
        ("HealthyThresholdCount", "2"),
        ("UnhealthyThresholdCount", "2"),
    ];
    text(&account.query(ELB, "CreateTargetGroup", &parameters).await.unwrap(), "TargetGroupArn").unwrap()
}

async fn lane<'a>(account: Account<'a>, more: &[(&str, &str)]) -> Lane<'a> {
    let group = group(account, "lane", "5432").await;
    let parameters = [("Name", "lanes"), ("Type", "network"), ("Scheme", "internal")];
    let made = account.query(ELB, "CreateLoadBalancer", &[&parameters[..], more].concat()).await.unwrap();
    let (balancer, name) = (text(&made, "LoadBalancerArn").unwrap(), text(&made, "DNSName").unwrap());
    let lane = Lane { account, group, balancer, name };
    lane.listen().await;
    lane
}

impl Lane<'_> {
    async fn listen(&self) {
        let parameters = [
            ("LoadBalancerArn", self.balancer.as_str()),
            ("Protocol", "TCP"),
            ("Port", "6001"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", self.group.as_str()),
        ];
        self.account.query(ELB, "CreateListener", &parameters).await.unwrap();
    }

    /// RegisterTargets, DeregisterTargets or DescribeTargetHealth.
    async fn ask(&self, operation: &str, targets: &[SocketAddr]) -> Result<String, String> {
        let mut parameters = vec![("TargetGroupArn".to_owned(), self.group.clone())];
        for (n, target) in targets.iter().enumerate() {
            let prefix = format!("Targets.member.{}", n + 1);
            parameters.push((format!("{prefix}.Id"), target.ip().to_string()));
            parameters.push((format!("{prefix}.Port"), target.port().to_string()));
        }
        let parameters: Vec<_> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.account.query(ELB, operation, &parameters).await
    }

    async fn state(&self, target: SocketAddr) -> String {
        text(&self.ask("DescribeTargetHealth", &[target]).await.unwrap(), "State").unwrap()
    }

    async fn is_in(&self, state: &str, target: SocketAddr) {
        until(async || (self.state(target).await == state).then_some(())).await;
    }

    async fn set(&self, key: &str, value: &str) {
        let parameters = [
            ("TargetGroupArn", &*self.group),
            ("Attributes.member.1.Key", key),
            ("Attributes.member.1.Value", value),
        ];
        self.account.query(ELB, "ModifyTargetGroupAttributes", &parameters).await.unwrap();
    }

    /// A connection that is reset at once may fail to open.
    async fn connect(&self) -> std::io::Result<TcpStream> {
        TcpStream::connect(self.address().await).await
    }

    /// Where it listens.
    async fn address(&self) -> SocketAddr {
        let (_, all) = shared().look("load-balancers").await;
        let all: Vec<Value> = serde_json::from_str(&all).unwrap();
        let ours = all.iter().find(|it| it["names"].as_array().unwrap().contains(&json!(self.name))).unwrap();
        let (status, led) = shared().look(&format!("names/address?name={}", self.name)).await;
        assert_eq!((status, led), (200, json!({ "address": ours["address"] }).to_string()));
        let at = format!("{}:{}", ours["address"].as_str().unwrap(), ours["ports"]["6001"]);
        at.parse().unwrap()
    }

    /// The letter with which a target greets; nothing if the connection is reset.
    async fn greeting(&self) -> Option<char> {
        greeting(&mut self.connect().await.ok()?).await
    }
}

async fn greeting(connection: &mut TcpStream) -> Option<char> {
    connection.read_u8().await.ok().map(char::from)
}

/// A server that greets with a letter and says after the client what it says.
async fn server(letter: u8) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                client.write_u8(letter).await?;
                let (mut reads, mut writes) = client.split();
                tokio::io::copy(&mut reads, &mut writes).await
            });
        }
    });
    address
}

async fn echoes(connection: &mut TcpStream) -> bool {
    connection.write_all(b"x").await.is_ok() && connection.read_u8().await.is_ok()
}

// Rule of AWS: a target gets connections once it is healthy, and a deregistered one keeps those that it has.
#[tokio::test]
async fn healthy_targets_get_connections_and_a_draining_one_keeps_its_own_until_the_delay_is_over() {
    let lane = lane(shared().account("600000000001"), &[]).await;
    let (a, b) = (server(b'a').await, server(b'b').await);
    assert_eq!(lane.greeting().await, None, "the group is empty");
    lane.set("deregistration_delay.timeout_seconds", "3600").await;
    let slow = json!({ "registrationTakes": { "target": a.to_string(), "seconds": 2000 } });
    assert_eq!(shared().own("target-misbehaviours", slow).await.0, 204);
    lane.ask("RegisterTargets", &[a]).await.unwrap();
    assert_eq!(lane.state(a).await, "initial");
    assert_eq!(lane.greeting().await, None, "no target is healthy yet");
    lane.is_in("healthy", a).await;
    let mut old = lane.connect().await.unwrap();
    assert_eq!(greeting(&mut old).await, Some('a'));

    lane.ask("RegisterTargets", &[b]).await.unwrap();
    lane.is_in("healthy", b).await;
    lane.set("deregistration_delay.connection_termination.enabled", "true").await;
    lane.ask("DeregisterTargets", &[a]).await.unwrap();
    assert_eq!(lane.state(a).await, "draining");
    for _ in 0..4 {
        assert_eq!(lane.greeting().await, Some('b'));
    }
    assert!(echoes(&mut old).await, "the old connection ended with the deregistration");
    lane.is_in("unused", a).await;
    until(async || (!echoes(&mut old).await).then_some(())).await;
    let all = lane.ask("DescribeTargetHealth", &[]).await.unwrap();
    assert_eq!((all.matches("<Id>").count(), text(&all, "Port")), (1, Some(b.port().to_string())));
}

// Rule of AWS: without connection termination a drained target's connections live on.
#[tokio::test]
async fn connections_outlive_the_delay_unless_they_are_to_end() {
    let lane = lane(shared().account("600000000002"), &[]).await;
    let a = server(b'a').await;
    lane.set("deregistration_delay.timeout_seconds", "0").await;
    lane.ask("RegisterTargets", &[a]).await.unwrap();
    lane.is_in("healthy", a).await;
    let mut old = lane.connect().await.unwrap();
    assert_eq!(greeting(&mut old).await, Some('a'));
    lane.ask("DeregisterTargets", &[a]).await.unwrap();
    assert_eq!(lane.state(a).await, "unused");
    assert_eq!(lane.greeting().await, None);
    assert!(echoes(&mut old).await);
}

// Rule of AWS: if all targets are unhealthy, all of them get connections.
#[tokio::test]
async fn an_unhealthy_target_loses_its_connections_and_gets_new_ones_only_if_all_are_unhealthy() {
    let lane = lane(shared().account("600000000003"), &[]).await;
    let (a, b) = (server(b'a').await, server(b'b').await);
    lane.ask("RegisterTargets", &[a, b]).await.unwrap();
    lane.is_in("healthy", a).await;
    lane.is_in("healthy", b).await;
    let mut both = vec![];
    for _ in 0..2 {
        let mut connection = lane.connect().await.unwrap();
        both.push((greeting(&mut connection).await.unwrap(), connection));
    }
    both.sort_by_key(|it| it.0);
    assert_eq!([both[0].0, both[1].0], ['a', 'b']);
    let ill = |target: SocketAddr| json!({ "neverHealthy": { "target": target.to_string() } });
    assert_eq!(shared().own("target-misbehaviours", ill(a)).await.0, 204);
    lane.is_in("unhealthy", a).await;
    let seen = lane.ask("DescribeTargetHealth", &[a]).await.unwrap();
    assert_eq!(text(&seen, "Reason").as_deref(), Some("Target.FailedHealthChecks"));
    assert!(!echoes(&mut both[0].1).await && echoes(&mut both[1].1).await);
    assert_eq!([lane.greeting().await, lane.greeting().await], [Some('b'); 2]);
    assert_eq!(shared().own("target-misbehaviours", ill(b)).await.0, 204);
    lane.is_in("unhealthy", b).await;
    let mut open = [lane.greeting().await, lane.greeting().await];
    open.sort_unstable();
    assert_eq!(open, [Some('a'), Some('b')]);
}

// Seen on AWS: aws-load-balancer-controller#2366.
#[tokio::test]
async fn a_deregistered_target_still_gets_connections_if_asked_to() {
    let lane = lane(shared().account("600000000004"), &[]).await;
    let a = server(b'a').await;
    lane.set("deregistration_delay.timeout_seconds", "0").await;
    lane.ask("RegisterTargets", &[a]).await.unwrap();
    lane.is_in("healthy", a).await;
    let slow = json!({ "deregistrationTakes": { "target": a.to_string(), "seconds": 3600 } });
    assert_eq!(shared().own("target-misbehaviours", slow.clone()).await.0, 204);
    assert!(shared().planned("target-misbehaviours").await.contains(&slow));
    lane.ask("DeregisterTargets", &[a]).await.unwrap();
    assert_eq!((lane.state(a).await.as_str(), lane.greeting().await), ("unused", Some('a')));
    until(async || lane.greeting().await.is_none().then_some(())).await;
}

// Rule of AWS: targets have the addresses, ports, states and refusals that its API describes.
#[tokio::test]
async fn targets_are_named_by_address_and_port_and_refused_as_on_aws() {
    let lane = lane(shared().account("600000000005"), &[]).await;
    let account = lane.account;
    assert!(lane.balancer.contains(":loadbalancer/net/lanes/"), "{}", lane.balancer);
    assert!(lane.name.ends_with(".elb.eu-central-1.amazonaws.com"), "{}", lane.name);
    let groups = account.query(ELB, "DescribeTargetGroups", &[("LoadBalancerArn", &lane.balancer)]).await;
    assert_eq!(text(&groups.unwrap(), "HealthCheckProtocol").as_deref(), Some("TCP"));

    let register = async |id: &str, more: &[(&str, &str)]| {
        let named = [("TargetGroupArn", &*lane.group), ("Targets.member.1.Id", id)];
        account.query(ELB, "RegisterTargets", &[&named[..], more].concat()).await
    };
    assert_eq!(register("not-an-ip", &[]).await.unwrap_err(), "InvalidTarget");
    assert_eq!(register("8.8.8.8", &[]).await.unwrap_err(), "InvalidTarget");
    assert_eq!(register("10.9.8.7", &[]).await.unwrap_err(), "ValidationError");
    assert_eq!(
        register("127.0.0.1", &[("Targets.member.1.Port", "0")]).await.unwrap_err(),
        "ValidationError"
    );
    register("10.9.8.7", &[("Targets.member.1.AvailabilityZone", "all")]).await.unwrap();
    register("127.0.0.1", &[]).await.unwrap();
    register("127.0.0.1", &[("Targets.member.1.Port", "9999")]).await.unwrap();
    register("127.0.0.1", &[("Targets.member.1.Port", "9999")]).await.unwrap();
    let ports = async || {
        let all = lane.ask("DescribeTargetHealth", &[]).await.unwrap();
        let ports = all.split("<Port>").skip(1).map(|it| it.split('<').next().unwrap().to_owned());
        ports.collect::<Vec<_>>()
    };
    assert_eq!(ports().await, ["5432", "5432", "9999"]);
    // A target on a port of its own stays unless that port is named.
    lane.set("deregistration_delay.timeout_seconds", "0").await;
    let id = [("TargetGroupArn", &*lane.group), ("Targets.member.1.Id", "127.0.0.1")];
    account.query(ELB, "DeregisterTargets", &id).await.unwrap();
    account.query(ELB, "DeregisterTargets", &id).await.unwrap();
    assert_eq!(ports().await, ["5432", "9999"]);
    let gone = account.query(ELB, "DescribeTargetHealth", &id).await.unwrap();
    assert_eq!(text(&gone, "Reason").as_deref(), Some("Target.NotRegistered"));

    let missing = format!("{}0", lane.group);
    let missing = [("TargetGroupArn", &*missing), ("Targets.member.1.Id", "127.0.0.1")];
    for operation in ["RegisterTargets", "DeregisterTargets", "DescribeTargetHealth"] {
        assert_eq!(account.query(ELB, operation, &missing).await.unwrap_err(), "TargetGroupNotFound");
    }
}

// Rule of AWS: a group that no listener uses is not checked; once one does, its targets begin.
#[tokio::test]
async fn targets_of_a_group_without_a_listener_are_not_in_use() {
    let account = shared().account("600000000006");
    let lane = lane(account, &[]).await;
    let idle = Lane { group: group(account, "idle", "5432").await, ..lane };
    let a = server(b'a').await;
    idle.ask("RegisterTargets", &[a]).await.unwrap();
    let seen = idle.ask("DescribeTargetHealth", &[]).await.unwrap();
    assert_eq!(text(&seen, "Reason").as_deref(), Some("Target.NotInUse"));
    let listeners = account.query(ELB, "DescribeListeners", &[("LoadBalancerArn", &idle.balancer)]).await;
    let listener = text(&listeners.unwrap(), "ListenerArn").unwrap();
    assert!(listener.contains(":listener/net/"), "{listener}");
    let modified = [
        ("ListenerArn", &*listener),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", &*idle.group),
    ];
    account.query(ELB, "ModifyListener", &modified).await.unwrap();
    idle.is_in("healthy", a).await;
    assert_eq!(idle.greeting().await, Some('a'));
    account.query(ELB, "DeleteListener", &[("ListenerArn", &listener)]).await.unwrap();
    assert_eq!(idle.state(a).await, "unused");
    // What was known of its health counts no more.
    let ill = json!({ "neverHealthy": { "target": a.to_string() } });
    assert_eq!(shared().own("target-misbehaviours", ill).await.0, 204);
    idle.listen().await;
    assert_ne!(idle.state(a).await, "healthy");
}

// Rule of IAM: who may register targets is decided by role, group and its tags; Describe knows no resource.
#[tokio::test]
async fn a_role_registers_targets_only_in_groups_with_the_tags_that_it_is_allowed() {
    let account = shared().account("600000000007");
    let lane = lane(account, &[]).await;
    let tagged = json!({ "StringEquals": { "aws:ResourceTag/snapferry:reach": "lane" } });
    let role = account
        .role(
            "Register",
            json!([
                { "Sid": "Change", "Effect": "Allow", "Action": ["elasticloadbalancing:RegisterTargets",
                  "elasticloadbalancing:DeregisterTargets"],
                  "Resource": "arn:aws:elasticloadbalancing:*:600000000007:targetgroup/*/*", "Condition": tagged },
                { "Sid": "Look", "Effect": "Allow", "Action": "elasticloadbalancing:DescribeTargetHealth",
                  "Resource": "*" },
            ]),
        )
        .await;
    let as_role = Lane { account: shared().account(&role), group: lane.group.clone(), ..lane };
    let a = server(b'a').await;
    assert_eq!(as_role.ask("RegisterTargets", &[a]).await.unwrap_err(), "AccessDenied");
    as_role.ask("DescribeTargetHealth", &[]).await.unwrap();
    let other = as_role.account.query(ELB, "DescribeTargetGroups", &[]).await;
    assert_eq!(other.unwrap_err(), "AccessDenied");
    let tag = [
        ("ResourceArns.member.1", &*as_role.group),
        ("Tags.member.1.Key", "snapferry:reach"),
        ("Tags.member.1.Value", "lane"),
    ];
    account.query(ELB, "AddTags", &tag).await.unwrap();
    as_role.ask("RegisterTargets", &[a]).await.unwrap();
    let last = shared().calls_of("600000000007").await.pop().unwrap();
    assert_eq!((&last["allowedBy"], &last["resource"]), (&json!(["Change"]), &json!(as_role.group)));
}

// Rule of AWS: a DB instance's security groups must let the load balancer in.
#[tokio::test]
async fn a_db_instance_is_healthy_only_if_its_security_groups_let_the_load_balancer_in() {
    let account = shared().account("600000000008");
    let vpc =
        text(&account.query("ec2", "CreateVpc", &[("CidrBlock", "10.1.0.0/16")]).await.unwrap(), "vpcId");
    let vpc = vpc.unwrap();
    let security_group = async |name: &str| {
        let named = [("VpcId", &*vpc), ("GroupName", name), ("GroupDescription", name)];
        text(&account.query("ec2", "CreateSecurityGroup", &named).await.unwrap(), "groupId").unwrap()
    };
    let (balancers, instances) = (security_group("balancers").await, security_group("instances").await);
    let lane = lane(account, &[("SecurityGroups.member.1", &balancers)]).await;
    let instance =
        account.create("orders", &[("VpcSecurityGroupIds.VpcSecurityGroupId.1", &instances)]).await;
    let endpoint = text(&instance, "Endpoint").unwrap();
    let address = shared().address(&text(&endpoint, "Address").unwrap()).unwrap();
    let at = format!("{address}:{}", text(&endpoint, "Port").unwrap());
    let at: SocketAddr = at.parse().unwrap();
    lane.ask("RegisterTargets", &[at]).await.unwrap();
    lane.is_in("unhealthy", at).await;
    let seen = lane.ask("DescribeTargetHealth", &[]).await.unwrap();
    assert_eq!(text(&seen, "Reason").as_deref(), Some("Target.Timeout"));
    let rule = [
        ("GroupId", &*instances),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "5432"),
        ("IpPermissions.1.ToPort", "5432"),
        ("IpPermissions.1.Groups.1.GroupId", &*balancers),
    ];
    account.query("ec2", "AuthorizeSecurityGroupIngress", &rule).await.unwrap();
    lane.is_in("healthy", at).await;
    let mut connection = lane.connect().await.unwrap();
    // SSLRequest, which the DB instance answers with S.
    connection.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
    assert_eq!(greeting(&mut connection).await, Some('S'));

    // Rule of AWS: what is connected stays connected when the groups change, and nothing new is let in.
    lane.set("target_health_state.unhealthy.connection_termination.enabled", "false").await;
    let front = lane.address().await;
    let login = PgConnectOptions::new_without_pgpass().host(&front.ip().to_string()).port(front.port());
    let login = login.username("Orders_Master").password("quite-secret").ssl_mode(PgSslMode::Disable);
    let mut tracked = PgConnection::connect_with(&login.database("postgres")).await.unwrap();
    let closed = security_group("quarantine").await;
    let swap = [("DBInstanceIdentifier", "orders"), ("VpcSecurityGroupIds.VpcSecurityGroupId.1", &*closed)];
    account.rds("ModifyDBInstance", &swap).await.unwrap();
    lane.is_in("unhealthy", at).await;
    let answer: i32 = sqlx::query_scalar("SELECT 1").fetch_one(&mut tracked).await.unwrap();
    assert_eq!(answer, 1);
}
