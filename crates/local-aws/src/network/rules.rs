//! Whether AWS's network leads a connection to its destination: VPC, addresses and security groups.

use std::net::Ipv4Addr;

/// Where connections come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// From no VPC, as of a function without VpcConfig: any address of the internet.
    Internet,
    /// From a VPC.
    Vpc {
        /// The security groups of the network interface.
        security_group_ids: Vec<String>,
        /// The address ranges of the subnets.
        cidrs: Vec<String>,
    },
}

/// An inbound rule of a security group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, or `-1` for every protocol.
    pub protocol: String,
    /// The first port. `-1` means every port.
    pub from_port: i32,
    /// The last port.
    pub to_port: i32,
    /// The security group whose members may connect.
    pub security_group_id: Option<String>,
    /// The addresses that may connect.
    pub cidr: Option<String>,
}

/// Does a connection from there arrive at a destination whose security groups have these rules?
/// Source: Lambda developer guide, "Giving Lambda functions access to resources in an Amazon VPC"; RDS user guide,
/// "Controlling access with security groups".
pub fn leads(origin: &Origin, publicly_accessible: bool, port: u16, rules: &[Rule]) -> bool {
    let mut rules = rules.iter().filter(|rule| rule.opens(port));
    match origin {
        Origin::Internet => {
            publicly_accessible && rules.any(|rule| rule.cidr.as_deref() == Some("0.0.0.0/0"))
        }
        Origin::Vpc { security_group_ids, cidrs } => rules.any(|rule| {
            let group = rule.security_group_id.as_ref().is_some_and(|it| security_group_ids.contains(it));
            let holds = |cidr: &String| rule.cidr.as_ref().is_some_and(|it| contains(it, cidr));
            group || (!cidrs.is_empty() && cidrs.iter().all(holds))
        }),
    }
}

impl Rule {
    /// Lets every member of one security group in, as the default group lets in itself.
    pub fn of_members(security_group_id: &str) -> Self {
        let all = Self { protocol: "-1".to_owned(), from_port: -1, to_port: -1, ..Self::default() };
        Self { security_group_id: Some(security_group_id.to_owned()), ..all }
    }

    fn opens(&self, port: u16) -> bool {
        let port = i32::from(port);
        self.protocol == "-1"
            || (self.protocol == "tcp"
                && (self.from_port == -1 || (self.from_port..=self.to_port).contains(&port)))
    }
}

fn contains(wide: &str, narrow: &str) -> bool {
    let (Some((wide, length)), Some((narrow, other))) = (range(wide), range(narrow)) else { return false };
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
    length <= other && wide & mask == narrow & mask
}

/// Does the range hold the address?
pub fn contains_address(range: &str, address: Ipv4Addr) -> bool {
    contains(range, &format!("{address}/32"))
}

/// The first address of a range and the length of its prefix.
pub fn range(cidr: &str) -> Option<(u32, u32)> {
    let (address, length) = cidr.split_once('/')?;
    let length = length.parse().ok().filter(|it| *it <= 32)?;
    Some((address.parse::<Ipv4Addr>().ok()?.to_bits(), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from_port: i32, to_port: i32, peer: &str) -> Rule {
        let rule = Rule { protocol: "tcp".to_owned(), from_port, to_port, ..Rule::default() };
        match peer.contains('/') {
            true => Rule { cidr: Some(peer.to_owned()), ..rule },
            false => Rule { security_group_id: Some(peer.to_owned()), ..rule },
        }
    }

    #[test]
    fn a_function_reaches_what_its_vpc_and_the_groups_let_it_reach() {
        let vpc = Origin::Vpc {
            security_group_ids: vec!["sg-verify".to_owned()],
            cidrs: vec!["10.1.0.0/24".to_owned(), "10.1.1.0/24".to_owned()],
        };
        let check = |origin: &Origin, public, rules: &[Rule], expected| {
            assert_eq!(leads(origin, public, 5432, rules), expected, "{origin:?}, {public}, {rules:?}");
        };
        check(&vpc, false, &[], false);
        check(&vpc, false, &[Rule::of_members("sg-default")], false);
        check(&vpc, false, &[Rule::of_members("sg-verify")], true);
        check(&vpc, false, &[rule(5432, 5432, "sg-other"), rule(5432, 5432, "sg-verify")], true);
        check(&vpc, false, &[rule(3306, 3306, "sg-verify")], false);
        check(&vpc, false, &[rule(5000, 6000, "10.1.0.0/16")], true);
        // One of the two subnets only: a connection may come from the other one.
        check(&vpc, false, &[rule(5432, 5432, "10.1.0.0/24")], false);
        check(&vpc, false, &[rule(5432, 5432, "0.0.0.0/0")], true);
        check(&vpc, true, &[rule(5432, 5432, "sg-other")], false);
        check(&Origin::Internet, false, &[rule(5432, 5432, "0.0.0.0/0")], false);
        check(&Origin::Internet, true, &[rule(5432, 5432, "0.0.0.0/0")], true);
        check(&Origin::Internet, true, &[rule(5432, 5432, "10.0.0.0/8")], false);
        check(&Origin::Internet, true, &[Rule::of_members("sg-verify")], false);
    }
}
