//! The loopback addresses of load balancers and proxies. Linux answers on every address of 127.0.0.0/8 without set-up.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Mutex};

use sha2::{Digest, Sha256};

use super::rules::{contains_address, range};
use crate::lock;

/// How many addresses are tried.
const TRIES: u32 = 16;

/// The addresses that load balancers and proxies have. Their connections to targets come from them.
#[derive(Default)]
pub struct Addresses(Mutex<BTreeSet<Ipv4Addr>>);

impl Addresses {
    /// Has somebody taken it?
    pub fn has(&self, address: Ipv4Addr) -> bool {
        lock(&self.0).contains(&address)
    }

    /// Takes an address; false if somebody has it.
    pub fn take(&self, address: Ipv4Addr) -> bool {
        lock(&self.0).insert(address)
    }

    /// Gives an address back.
    pub fn give_back(&self, address: Ipv4Addr) {
        lock(&self.0).remove(&address);
    }
}

/// The addresses that something with this name may have, the first one first. They lie in its subnets if those have
/// loopback addresses.
pub fn candidates(name: &str, cidrs: &[String]) -> impl Iterator<Item = Ipv4Addr> + use<> {
    let local = |cidr: &String| range(cidr).is_some_and(|it| Ipv4Addr::from_bits(it.0).is_loopback());
    let cidr = cidrs.iter().find(|it| local(it)).cloned();
    // 127.0.0.0/9 is left to DB instances.
    let cidr = cidr.unwrap_or_else(|| "127.128.0.0/9".to_owned());
    let name = name.to_owned();
    (0..TRIES).filter_map(move |n| {
        let digest = Sha256::digest(format!("{name} {n}"));
        let bits = u32::from_be_bytes(*digest.first_chunk()?);
        let (first, length) = range(&cidr)?;
        let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
        let address = Ipv4Addr::from_bits(first & mask | bits & !mask);
        // AWS keeps the first four addresses of a subnet and the last one for itself.
        let [.., last] = address.octets();
        (contains_address(&cidr, address) && (4..255).contains(&last)).then_some(address)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lie_in_the_subnets_if_those_are_of_this_machine() {
        let check = |cidrs: &[&str], within: &str| {
            let cidrs: Vec<String> = cidrs.iter().map(|it| (*it).to_owned()).collect();
            let all: Vec<_> = candidates("lanes", &cidrs).collect();
            assert!(all.len() > 8 && all.iter().all(|it| contains_address(within, *it)), "{cidrs:?} {all:?}");
            assert_eq!(all, candidates("lanes", &cidrs).collect::<Vec<_>>());
        };
        check(&["10.1.0.0/24"], "127.128.0.0/9");
        check(&["10.1.0.0/24", "127.9.4.0/24"], "127.9.4.0/24");
        check(&[], "127.128.0.0/9");
    }
}
