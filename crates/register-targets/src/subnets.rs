//! Whether an address lies in the subnets of a DB subnet group.

use lambda_support::{CallFailed, SignedClient, texts};
use std::net::{IpAddr, Ipv4Addr};

/// The address ranges of subnets.
pub(crate) async fn ranges(ec2: &SignedClient, subnet_ids: &[String]) -> Result<Vec<String>, CallFailed> {
    let parameter = |(index, id): (usize, &String)| (format!("SubnetId.{}", index + 1), id.clone());
    let parameters: Vec<(String, String)> = subnet_ids.iter().enumerate().map(parameter).collect();
    Ok(texts(&ec2.query("DescribeSubnets", &parameters).await?, "cidrBlock"))
}

/// Whether one of these ranges holds an address. What is no address or no range holds nothing.
pub fn hold(ranges: &[String], address: &str) -> bool {
    let Ok(IpAddr::V4(address)) = address.parse() else { return false };
    ranges.iter().any(|it| holds(it, address).unwrap_or_default())
}

fn holds(range: &str, address: Ipv4Addr) -> Option<bool> {
    let (base, length) = range.split_once('/')?;
    let length: u32 = length.parse().ok().filter(|it| *it <= 32)?;
    let base: Ipv4Addr = base.parse().ok()?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
    Some(base.to_bits() & mask == address.to_bits() & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_held_by_its_subnet_alone() {
        let check = |ranges: &[&str], address: &str, expected| {
            let ranges: Vec<String> = ranges.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(hold(&ranges, address), expected, "{ranges:?} {address}");
        };
        check(&["10.0.0.0/24", "10.0.1.0/24"], "10.0.1.255", true);
        check(&["10.0.0.0/24", "10.0.1.0/24"], "10.0.2.0", false);
        check(&["10.0.0.0/32"], "10.0.0.0", true);
        check(&["10.0.0.0/32"], "10.0.0.1", false);
        check(&["0.0.0.0/0"], "203.0.113.7", true);
        check(&[], "10.0.0.1", false);
        check(&["10.0.0.0", "x/24", "10.0.0.0/33"], "10.0.0.1", false);
        check(&["10.0.0.0/24"], "fd00::1", false);
        check(&["10.0.0.0/24"], "db.example", false);
    }
}
