//! Private zones, as MiniStack's Route 53 has them.

use super::view::{Record, Target, Zone};
use crate::ministack::{Client, elements};

const API: &str = "2013-04-01";

/// The private zones of an account.
pub async fn of(ministack: &Client, account_id: &str) -> anyhow::Result<Vec<Zone>> {
    // Route 53 is one for all Regions.
    let get = async |path: String| {
        ministack.get(account_id, "us-east-1", "route53", &format!("{API}/{path}")).await
    };
    let mut zones = Vec::new();
    let listed = get("hostedzone".to_owned()).await?;
    for zone in elements(&listed, "HostedZone").filter(|zone| text(zone, "PrivateZone") == Some("true")) {
        let (Some(id), Some(domain)) = (text(zone, "Id"), text(zone, "Name")) else { continue };
        let described = get(id.trim_start_matches('/').to_owned()).await?;
        let records = get(format!("{}/rrset", id.trim_start_matches('/'))).await?;
        zones.push(Zone {
            domain: plain(domain),
            vpc_ids: elements(&described, "VPCId").map(str::to_owned).collect(),
            records: elements(&records, "ResourceRecordSet").filter_map(record).collect(),
        });
    }
    Ok(zones)
}

/// A record that leads to an address or to another name.
fn record(xml: &str) -> Option<Record> {
    let name = plain(text(xml, "Name")?);
    let target = match (text(xml, "DNSName"), text(xml, "Type")?) {
        (Some(alias), "A") => Target::Name(plain(alias)),
        (None, "A") => Target::Address(text(xml, "Value")?.parse().ok()?),
        (None, "CNAME") => Target::Name(plain(text(xml, "Value")?)),
        _ => return None,
    };
    Some(Record { name, target })
}

fn text<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    elements(xml, name).next()
}

/// In lower case, without the dot at the end. Route 53 writes `*` as its octal code.
fn plain(name: &str) -> String {
    name.trim_end_matches('.').replace("\\052", "*").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_lead_somewhere_are_read() {
        let check = |xml: &str, expected: Option<(&str, Target)>| {
            let expected = expected.map(|(name, target)| Record { name: name.to_owned(), target });
            assert_eq!(record(xml), expected, "{xml}");
        };
        check(
            "<Name>\\052.x.Rds.</Name><Type>A</Type><AliasTarget><DNSName>NLB.elb.</DNSName></AliasTarget>",
            Some(("*.x.rds", Target::Name("nlb.elb".to_owned()))),
        );
        check(
            "<Name>a.x.</Name><Type>CNAME</Type><ResourceRecord><Value>b.y</Value></ResourceRecord>",
            Some(("a.x", Target::Name("b.y".to_owned()))),
        );
        check(
            "<Name>a.x.</Name><Type>A</Type><ResourceRecord><Value>10.0.0.1</Value></ResourceRecord>",
            Some(("a.x", Target::Address([10, 0, 0, 1].into()))),
        );
        check("<Name>x.</Name><Type>SOA</Type><ResourceRecord><Value>ns</Value></ResourceRecord>", None);
    }
}
