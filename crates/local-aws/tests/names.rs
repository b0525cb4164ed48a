//! Names and where they lead, as each VPC sees them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use reqwest::Method;
use support::{shared, text};

const ACCOUNT: &str = "900000000001";

/// A call of Route 53.
async fn route53(path: &str, body: String) -> String {
    let account = shared().account(ACCOUNT).in_region("us-east-1");
    let request = account.request("route53", Method::POST, &format!("/2013-04-01/{path}")).body(body);
    let response = request.send().await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.text().await.unwrap());
    response.text().await.unwrap()
}

// Rule of AWS: a private zone answers the VPCs that it is associated with, and nobody else.
#[tokio::test]
async fn the_records_of_a_private_zone_lead_somewhere_in_its_vpcs_alone() {
    let zone = "<CreateHostedZoneRequest><Name>shop.internal</Name><CallerReference>1</CallerReference>\
                <VPC><VPCRegion>eu-central-1</VPCRegion><VPCId>vpc-0a</VPCId></VPC></CreateHostedZoneRequest>";
    let zone = text(&route53("hostedzone", zone.to_owned()).await, "Id").unwrap();
    let zone = zone.trim_start_matches('/');
    let change = async |name: &str, kind: &str, value: &str| {
        let records = format!(
            "<ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>"
        );
        let set = format!("<Name>{name}</Name><Type>{kind}</Type><TTL>5</TTL>{records}");
        let change = format!("<Action>UPSERT</Action><ResourceRecordSet>{set}</ResourceRecordSet>");
        let batch = format!("<ChangeBatch><Changes><Change>{change}</Change></Changes></ChangeBatch>");
        let request = format!("<ChangeResourceRecordSetsRequest>{batch}</ChangeResourceRecordSetsRequest>");
        route53(&format!("{zone}/rrset/"), request).await
    };
    change("db.shop.internal", "A", "127.5.5.5").await;
    change("*.shop.internal", "CNAME", "db.shop.internal").await;
    let address = async |name: &str, vpc: &str| {
        let (status, answer) = shared().look(&format!("names/address?name={name}{vpc}")).await;
        (status == 200).then_some(answer)
    };
    let found = Some(r#"{"address":"127.5.5.5"}"#.to_owned());
    assert_eq!(address("db.shop.internal", "&vpcId=vpc-0a").await, found);
    assert_eq!(address("any.shop.internal", "&vpcId=vpc-0a").await, found);
    assert_eq!(address("db.shop.internal", "&vpcId=vpc-0b").await, None);
    assert_eq!(address("db.shop.internal", "").await, None);

    let (_, file) = shared().look("names/file?vpcId=vpc-0a").await;
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    let read = || std::fs::read_to_string(file["file"].as_str().unwrap()).unwrap();
    assert!(read().contains("127.5.5.5 db.shop.internal\n"), "{}", read());
    change("db.shop.internal", "A", "127.6.6.6").await;
    assert!(read().contains("127.6.6.6 db.shop.internal\n"), "{}", read());
}
