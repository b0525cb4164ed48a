//! Mends for MiniStack's load balancing: an NLB's ARN and DNS name, and the health checks of TCP groups.
//!
//! A template still gets MiniStack's ARN and DNS name, because CloudFormation is inside MiniStack. Both forms are
//! understood.

use std::borrow::Cow;

use crate::{ministack::elements, place::partition};

/// The parts of an answer that each begin with an element of this name.
pub fn parts<'a>(xml: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let open = format!("<{name}>");
    let starts: Vec<usize> = xml.match_indices(&open).map(|(at, _)| at).collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([xml.len()]).collect();
    starts.into_iter().zip(ends).map(|(start, end)| &xml[start..end])
}

/// The name and the id of a load balancer, from its ARN.
fn name_and_id(arn: &str) -> Option<(&str, &str)> {
    let mut words = arn.rsplit('/');
    let (id, name) = (words.next()?, words.next()?);
    Some((name, id))
}

/// An NLB's DNS name as on AWS.
pub fn dns_name(arn: &str, region: &str) -> Option<String> {
    let (name, id) = name_and_id(arn)?;
    let suffix = if partition(region) == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    Some(format!("{name}-{id}.elb.{region}.{suffix}"))
}

/// A request's parameter as MiniStack knows it: `net/` in ARNs of load balancers and listeners is `app/` there.
pub fn request(value: &str) -> Cow<'_, str> {
    for kind in ["loadbalancer", "listener"] {
        let (ours, theirs) = (format!(":{kind}/net/"), format!(":{kind}/app/"));
        if value.contains(&ours) {
            return value.replacen(&ours, &theirs, 1).into();
        }
    }
    value.into()
}

/// An answer of MiniStack as AWS would give it. `balancers` is MiniStack's answer to DescribeLoadBalancers.
pub fn answer(xml: &str, balancers: &str, region: &str) -> String {
    let mut mended = tcp_checks(xml);
    for balancer in parts(balancers, "LoadBalancerArn") {
        let get = |name: &str| elements(balancer, name).next().unwrap_or_default();
        let arn = get("LoadBalancerArn");
        let (Some((name, id)), "network") = (name_and_id(arn), get("Type")) else { continue };
        mended = mended.replace(&format!("/app/{name}/{id}"), &format!("/net/{name}/{id}"));
        if let Some(dns_name) = dns_name(arn, region) {
            mended = mended.replace(get("DNSName"), &dns_name);
        }
    }
    mended
}

/// Every TCP group is checked by TCP here, also one that asks for HTTP. Without that MiniStack says HTTP, the default
/// of HTTP groups.
fn tcp_checks(xml: &str) -> String {
    let Some((before, _)) =
        xml.split_once("<TargetGroupArn>").filter(|_| xml.contains("<HealthCheckProtocol>"))
    else {
        return xml.to_owned();
    };
    let mended = parts(xml, "TargetGroupArn").map(|group| {
        if !group.contains("<Protocol>TCP</Protocol>") {
            return group.to_owned();
        }
        let group = group.replace(
            "<HealthCheckProtocol>HTTP</HealthCheckProtocol>",
            "<HealthCheckProtocol>TCP</HealthCheckProtocol>",
        );
        without(&without(&group, "HealthCheckPath"), "Matcher")
    });
    [before.to_owned()].into_iter().chain(mended).collect()
}

/// The XML without the first element of this name.
fn without(xml: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    match xml.split_once(&open).and_then(|(before, rest)| Some((before, rest.split_once(&close)?.1))) {
        Some((before, after)) => format!("{before}{after}"),
        None => xml.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/app/lanes/0123456789abcdef";

    fn balancer(kind: &str) -> String {
        format!(
            "<r><LoadBalancers><member><LoadBalancerArn>{ARN}</LoadBalancerArn>\
             <DNSName>lanes-01234567.eu-central-1.elb.amazonaws.com</DNSName><Type>{kind}</Type></member>\
             </LoadBalancers></r>"
        )
    }

    #[test]
    fn a_network_load_balancer_has_the_arn_and_the_name_of_one() {
        let mended = answer(&balancer("network"), &balancer("network"), "eu-central-1");
        assert!(mended.contains(":loadbalancer/net/lanes/0123456789abcdef<"), "{mended}");
        assert!(
            mended.contains("<DNSName>lanes-0123456789abcdef.elb.eu-central-1.amazonaws.com<"),
            "{mended}"
        );
        assert_eq!(answer(&balancer("application"), &balancer("application"), "x"), balancer("application"));
        let listener = ARN.replace("loadbalancer", "listener");
        let mended = answer(&listener, &balancer("network"), "eu-central-1");
        assert_eq!(mended, listener.replace("/app/", "/net/"));
        assert_eq!(request(&mended), listener);
        assert_eq!(request("loadbalancer/net"), "loadbalancer/net");
    }

    #[test]
    fn a_tcp_group_is_checked_by_tcp() {
        let group = |protocol: &str, check: &str, more: &str| {
            format!(
                "<member><TargetGroupArn>a</TargetGroupArn><Protocol>{protocol}</Protocol>\
                 <HealthCheckProtocol>{check}</HealthCheckProtocol>{more}</member>"
            )
        };
        let http = "<HealthCheckPath>/</HealthCheckPath><Matcher><HttpCode>200</HttpCode></Matcher>";
        let given = format!("<r>{}{}</r>", group("TCP", "HTTP", http), group("HTTP", "HTTP", http));
        let expected = format!("<r>{}{}</r>", group("TCP", "TCP", ""), group("HTTP", "HTTP", http));
        assert_eq!(tcp_checks(&given), expected);
        let listener = "<ListenerArn>l</ListenerArn><TargetGroupArn>a</TargetGroupArn>";
        assert_eq!(tcp_checks(listener), listener);
    }
}
