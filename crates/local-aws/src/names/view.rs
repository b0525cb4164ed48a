//! Where names lead in one VPC: its private zones come first, then what leads to the same address everywhere.
//! Source: Route 53 Developer Guide, "Considerations when working with a private hosted zone".

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

/// How many records may lead from one to the next. Route 53 forbids loops of aliases, but not of CNAMEs.
const MOST_STEPS: usize = 8;

/// A private zone. Names are in lower case and have no dot at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// The domain whose names it answers. Names in it that have no record do not exist for its VPCs.
    pub domain: String,
    /// The VPCs that see it.
    pub vpc_ids: Vec<String>,
    /// Its records.
    pub records: Vec<Record>,
}

/// A record of a zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name; `*` as the first label stands for every name that has no record of its own.
    pub name: String,
    /// Where it leads.
    pub target: Target,
}

/// Where a record leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A record of type A.
    Address(Ipv4Addr),
    /// A CNAME, or an alias.
    Name(String),
}

/// Where a name leads for those who see these zones.
pub fn resolve(name: &str, addresses: &BTreeMap<String, Ipv4Addr>, zones: &[&Zone]) -> Option<Ipv4Addr> {
    let mut name = name;
    for _ in 0..MOST_STEPS {
        // Of several zones that hold a name, the one with the longest domain answers.
        let holding = zones.iter().filter(|zone| zone.holds(name)).max_by_key(|zone| zone.domain.len());
        match holding {
            None => return addresses.get(name).copied(),
            Some(zone) => match zone.target(name)? {
                Target::Address(address) => return Some(*address),
                Target::Name(next) => name = next,
            },
        }
    }
    None
}

/// All names that lead somewhere for those who see these zones. A file of hosts knows no `*`, so a record with one stands
/// there once for each name that is known otherwise.
pub fn view(addresses: &BTreeMap<String, Ipv4Addr>, zones: &[&Zone]) -> BTreeMap<String, Ipv4Addr> {
    let records = zones.iter().flat_map(|zone| &zone.records).map(|record| &record.name);
    let names: BTreeSet<&String> =
        addresses.keys().chain(records).filter(|name| !name.starts_with('*')).collect();
    names.into_iter().filter_map(|name| Some((name.clone(), resolve(name, addresses, zones)?))).collect()
}

impl Zone {
    fn holds(&self, name: &str) -> bool {
        name.strip_suffix(&self.domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    /// Where a name of the zone leads: by its own record, else by the closest one with a `*`.
    fn target(&self, name: &str) -> Option<&Target> {
        let record = |name: &str| self.records.iter().find(|it| it.name == name).map(|it| &it.target);
        let parents = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        let mut parents = parents.take_while(|parent| self.holds(parent));
        record(name).or_else(|| parents.find_map(|parent| record(&format!("*.{parent}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 1);
    const BALANCER: Ipv4Addr = Ipv4Addr::new(127, 2, 2, 2);
    const THERE: Ipv4Addr = Ipv4Addr::new(127, 3, 3, 3);

    fn zone(domain: &str, records: &[(&str, Target)]) -> Zone {
        let record =
            |(name, target): &(&str, Target)| Record { name: (*name).into(), target: target.clone() };
        Zone { domain: domain.to_owned(), vpc_ids: vec![], records: records.iter().map(record).collect() }
    }

    fn to(name: &str) -> Target {
        Target::Name(name.to_owned())
    }

    #[test]
    fn private_zones_come_first() {
        let known = [("a.x.rds", HERE), ("b.x.rds", HERE), ("c.other", HERE), ("nlb.elb", BALANCER)];
        let known: BTreeMap<_, _> = known.map(|(name, address)| (name.to_owned(), address)).into();
        let check = |zones: &[Zone], name: &str, expected: Option<Ipv4Addr>| {
            let zones: Vec<_> = zones.iter().collect();
            assert_eq!(resolve(name, &known, &zones), expected, "{name} by {zones:?}");
            let view = view(&known, &zones);
            assert!(expected.is_none_or(|it| view.get(name).is_none_or(|found| *found == it)), "{view:?}");
        };
        check(&[], "a.x.rds", Some(HERE));
        check(&[], "unknown.x.rds", None);

        // The name that leads to the load balancer in the consumer's VPC.
        let wildcard = [zone("x.rds", &[("*.x.rds", to("nlb.elb"))])];
        check(&wildcard, "a.x.rds", Some(BALANCER));
        check(&wildcard, "new.x.rds", Some(BALANCER));
        check(&wildcard, "new.cluster-1.x.rds", Some(BALANCER));
        check(&wildcard, "x.rds", None);
        check(&wildcard, "c.other", Some(HERE));
        check(&wildcard, "a.xx.rds", None);

        // A record of its own comes before a `*`, and a closer `*` before a wider one.
        let both = [
            ("b.x.rds", Target::Address(THERE)),
            ("*.x.rds", to("nlb.elb")),
            ("*.near.x.rds", to("c.other")),
        ];
        let both = [zone("x.rds", &both)];
        check(&both, "b.x.rds", Some(THERE));
        check(&both, "a.x.rds", Some(BALANCER));
        check(&both, "a.near.x.rds", Some(HERE));

        // Without a record, a name of the zone does not exist, though it is known elsewhere.
        check(&[zone("x.rds", &[("b.x.rds", to("nlb.elb"))])], "a.x.rds", None);
        // The zone with the longest domain answers.
        let nested =
            [zone("rds", &[("*.rds", Target::Address(THERE))]), zone("x.rds", &[("*.x.rds", to("nlb.elb"))])];
        check(&nested, "a.x.rds", Some(BALANCER));
        check(&nested, "a.y.rds", Some(THERE));
        // Names of one's own, by way of others.
        let own = [zone("shop", &[("db.shop", to("also.shop")), ("also.shop", to("a.x.rds"))])];
        check(&own, "db.shop", Some(HERE));
        check(&[zone("shop", &[("db.shop", to("db.shop"))])], "db.shop", None);
    }

    #[test]
    fn a_view_has_every_name_that_is_known_and_no_star() {
        let known = BTreeMap::from([("a.x.rds".to_owned(), HERE), ("c.other".to_owned(), HERE)]);
        let zone = zone("x.rds", &[("*.x.rds", Target::Address(THERE)), ("z.x.rds", to("gone"))]);
        let expected = BTreeMap::from([("a.x.rds".to_owned(), THERE), ("c.other".to_owned(), HERE)]);
        assert_eq!(view(&known, &[&zone]), expected);
    }
}
