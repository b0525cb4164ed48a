//! Where a target lies: inside the VPC of its group, or outside.

use std::net::Ipv4Addr;

use crate::network::rules::contains_address;

/// Addresses outside the VPC that may be targets.
/// Source: NLB user guide, "Target groups for your Network Load Balancers", target type.
const OUTSIDE: [&str; 4] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];

/// A subnet of the group's VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its address range.
    pub cidr: String,
    /// Its Availability Zone.
    pub zone: String,
}

/// Why an address cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Misplaced {
    /// It is no address, or none that a target may have.
    Unusable(String),
    /// Its Availability Zone is missing or cannot be chosen.
    Zone(String),
}

/// The address, and the Availability Zone that it gets.
///
/// Loopback addresses stand for DB instances, so they count as addresses of the VPC.
pub fn place(
    id: &str,
    zone: Option<&str>,
    subnets: &[Subnet],
    region: &str,
) -> Result<(Ipv4Addr, String), Misplaced> {
    let Ok(address) = id.parse::<Ipv4Addr>() else {
        return Err(Misplaced::Unusable(format!("The IP address '{id}' is not a valid IPv4 address")));
    };
    let subnet = subnets.iter().find(|it| contains_address(&it.cidr, address));
    let subnet = subnet.or_else(|| subnets.first().filter(|_| address.is_loopback()));
    let inside = match subnet {
        Some(subnet) => Some(subnet.zone.clone()),
        None => address.is_loopback().then(|| format!("{region}a")),
    };
    match (inside, zone) {
        // Seen on AWS: aws-load-balancer-controller#561.
        (Some(inside), Some("all")) => Err(Misplaced::Zone(format!(
            "The IP address '{id}' is within the VPC, and cannot have its Availability Zone overridden to 'all' from \
             '{inside}'"
        ))),
        (Some(inside), _) => Ok((address, inside)),
        (None, _) if !OUTSIDE.iter().any(|range| contains_address(range, address)) => {
            Err(Misplaced::Unusable(format!(
                "The IP address '{id}' is not in the VPC, nor in one of the ranges {}",
                OUTSIDE.join(", ")
            )))
        }
        (None, Some(zone)) => Ok((address, zone.to_owned())),
        // Seen on AWS: aws-load-balancer-controller#3714.
        (None, None) => Err(Misplaced::Zone(format!(
            "The Availability Zone is required for IP address '{id}' because it is not in the VPC"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Rule of AWS: a target is an address of the VPC, or a private one with an Availability Zone.
    #[test]
    fn a_target_lies_in_the_vpc_or_in_a_private_range_with_a_zone() {
        let subnets = [("10.1.0.0/24", "a"), ("127.7.1.0/24", "b")]
            .map(|(cidr, zone)| Subnet { cidr: cidr.to_owned(), zone: zone.to_owned() });
        let check = |id: &str, zone: Option<&str>, expected: Result<&str, fn(String) -> Misplaced>| {
            let placed = place(id, zone, &subnets, "eu-central-1").map(|it| it.1);
            match (placed, expected) {
                (Ok(placed), Ok(expected)) => assert_eq!(placed, expected, "{id}"),
                (Err(Misplaced::Zone(text)), Err(kind)) => {
                    assert_eq!(Misplaced::Zone(text.clone()), kind(text))
                }
                (Err(Misplaced::Unusable(text)), Err(kind)) => {
                    assert_eq!(Misplaced::Unusable(text.clone()), kind(text));
                }
                (placed, _) => panic!("{id}: {placed:?}"),
            }
        };
        check("10.1.0.9", None, Ok("a"));
        check("127.7.1.9", None, Ok("b"));
        check("127.0.0.1", None, Ok("a"));
        check("10.1.0.9", Some("all"), Err(Misplaced::Zone));
        check("10.2.0.9", None, Err(Misplaced::Zone));
        check("10.2.0.9", Some("all"), Ok("all"));
        check("192.168.3.4", Some("eu-central-1c"), Ok("eu-central-1c"));
        check("8.8.8.8", Some("all"), Err(Misplaced::Unusable));
        check("not-an-ip", None, Err(Misplaced::Unusable));
        check("orders.example.com", Some("all"), Err(Misplaced::Unusable));
        assert_eq!(
            place("127.0.0.1", None, &[], "eu-central-1").map(|it| it.1),
            Ok("eu-central-1a".to_owned())
        );
    }
}
