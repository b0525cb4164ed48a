//! Decides whether a target group can be a lane; sees only its arguments.

use crate::{Error, GroupSeen};
use replication::Lane;

/// The tag by which the owner of a target group lets Snapferry change its targets. Its value does not matter.
pub const REACH_TAG: &str = "snapferry:reach";

/// Refuses a lane that no copy could be reached by. `vpc_id` is the VPC of copies, when it is known.
pub fn can_be_lane(lane: &Lane, seen: Option<&GroupSeen>, vpc_id: Option<&str>) -> Result<(), Error> {
    match problem(lane.port(), seen, vpc_id) {
        Some(problem) => {
            Err(Error::ReachNotUsable { lane: format!("target group {}", lane.target_group_arn), problem })
        }
        None => Ok(()),
    }
}

fn problem(port: u16, seen: Option<&GroupSeen>, vpc_id: Option<&str>) -> Option<String> {
    let Some(group) = seen else {
        return Some(
            "it does not exist in this account and Region: correct reach in the replication's settings"
                .to_owned(),
        );
    };
    let (kind, protocol) = (&group.target_type, &group.protocol);
    if kind != "ip" {
        return Some(format!("its targets are of type {kind}: make one for targets of type ip"));
    }
    if protocol != "TCP" {
        return Some(format!("its protocol is {protocol}: make one of protocol TCP"));
    }
    if let Some(vpc_id) = vpc_id.filter(|it| *it != group.vpc_id) {
        let own = &group.vpc_id;
        return Some(format!("it is in {own}, but copies are in {vpc_id}: make one in the VPC of copies"));
    }
    if !group.tags.contains_key(REACH_TAG) {
        return Some(format!("it lacks the tag {REACH_TAG}: give it that tag, with any value"));
    }
    if group.listeners.is_empty() {
        return Some(format!("no listener forwards to it: make one at port {port}"));
    }
    if !group.is_network {
        return Some("its load balancer is no Network Load Balancer: make one of type network".to_owned());
    }
    match group.listeners.iter().find(|it| it.port == i32::from(port)) {
        None => {
            let ports: Vec<String> = group.listeners.iter().map(|it| it.port.to_string()).collect();
            let ports = ports.join(", ");
            Some(format!("its listener has port {ports}, not {port}: correct the port of the lane in reach"))
        }
        Some(it) if it.protocol != "TCP" => {
            Some(format!("its listener takes {}: make one of protocol TCP", it.protocol))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Listener;

    fn good() -> GroupSeen {
        GroupSeen {
            target_type: "ip".to_owned(),
            protocol: "TCP".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            tags: [(REACH_TAG.to_owned(), String::new())].into(),
            is_network: true,
            dns_name: "nlb.example".to_owned(),
            listeners: vec![Listener { port: 5433, protocol: "TCP".to_owned() }],
        }
    }

    #[test]
    fn a_target_group_that_cannot_be_a_lane_is_named_with_its_cure() {
        let check = |seen: Option<GroupSeen>, vpc_id: Option<&str>, part: &str| {
            let problem = problem(5433, seen.as_ref(), vpc_id).unwrap_or_default();
            assert!(
                problem.contains(part) && problem.is_empty() == part.is_empty(),
                "{problem} lacks {part}"
            );
        };
        let listener = |port, protocol: &str| vec![Listener { port, protocol: protocol.to_owned() }];
        check(Some(good()), None, "");
        check(Some(good()), Some("vpc-1"), "");
        check(None, None, "does not exist");
        check(Some(good()), Some("vpc-2"), "it is in vpc-1, but copies are in vpc-2");
        check(Some(GroupSeen { target_type: "instance".to_owned(), ..good() }), None, "type ip");
        check(Some(GroupSeen { protocol: "TLS".to_owned(), ..good() }), None, "protocol TCP");
        check(Some(GroupSeen { tags: [].into(), ..good() }), None, "lacks the tag snapferry:reach");
        check(Some(GroupSeen { listeners: Vec::new(), ..good() }), None, "no listener forwards to it");
        check(Some(GroupSeen { is_network: false, ..good() }), None, "no Network Load Balancer");
        check(Some(GroupSeen { listeners: listener(5434, "TCP"), ..good() }), None, "port 5434, not 5433");
        check(Some(GroupSeen { listeners: listener(5433, "TLS"), ..good() }), None, "takes TLS");
    }
}
