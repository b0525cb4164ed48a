//! Names and where they lead, as each VPC sees them.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::net::TcpListener;

use reqwest::Method;
use support::{log_in, shared, text};

const ACCOUNT: &str = "900000000001";

// Rule of AWS: an endpoint has a name, which leads to an address of its own, and the port that was asked for.
#[tokio::test]
async fn an_instance_has_a_name_and_an_address_of_its_own_on_the_port_that_was_asked_for() {
    let account = shared().account("900000000002");
    let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port().to_string();
    let at = |instance: &str| {
        let endpoint = text(instance, "Endpoint").unwrap();
        (text(&endpoint, "Address").unwrap(), text(&endpoint, "Port").unwrap())
    };
    let orders = account.create("orders", &[("Port", &port)]).await;
    let other = account.create("other", &[("Port", &port)]).await;
    let (name, orders_port) = at(&orders);
    if support::nss_wrapper().is_none() {
        println!("SKIPPED: names, without libnss-wrapper");
        return;
    }
    assert!(name.starts_with("orders.") && name.ends_with(".eu-central-1.rds.amazonaws.com"), "{name}");
    assert_eq!((&orders_port, &at(&other).1), (&port, &port));
    let address = shared().address(&name).unwrap();
    assert_ne!(Some(&address), shared().address(&at(&other).0).as_ref());
    let serves = async |instance: &str| {
        log_in(shared(), instance, "Orders_Master", "quite-secret", "postgres").await.map(drop)
    };
    serves(&orders).await.unwrap();

    // It stays over a stop and a start.
    let named = [("DBInstanceIdentifier", "orders")];
    account.rds("StopDBInstance", &named).await.unwrap();
    account.instance_in("orders", "stopped").await;
    serves(&orders).await.unwrap_err();
    account.rds("StartDBInstance", &named).await.unwrap();
    assert_eq!(at(&account.instance("orders").await), at(&orders));
    assert_eq!(shared().address(&name), Some(address.clone()));
    serves(&orders).await.unwrap();

    // Another port and another name; the address stays.
    let another = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port().to_string();
    let changes = [
        named[0],
        ("DBPortNumber", &another),
        ("NewDBInstanceIdentifier", "renamed"),
        ("ApplyImmediately", "true"),
    ];
    account.rds("ModifyDBInstance", &changes).await.unwrap();
    let renamed = support::until(async || {
        let named = [("DBInstanceIdentifier", "renamed")];
        account.rds("DescribeDBInstances", &named).await.ok()
    });
    renamed.await;
    let renamed = account.instance("renamed").await;
    assert_eq!(at(&renamed), (name.replacen("orders", "renamed", 1), another));
    assert_eq!(shared().address(&at(&renamed).0), Some(address));
    assert_eq!(shared().address(&name), None, "the old name leads nowhere");
    serves(&renamed).await.unwrap();

    let delete = [("DBInstanceIdentifier", "renamed"), ("SkipFinalSnapshot", "true")];
    account.rds("DeleteDBInstance", &delete).await.unwrap();
    support::until(async || account.rds("DescribeDBInstances", &delete[..1]).await.err()).await;
    assert_eq!(shared().address(&at(&renamed).0), None);
}

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
