//! RDS's rules on storage.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::json;
use support::{shared, text};

// Rule of AWS: storage type, size, IOPS, throughput and ceiling fit each other.
#[tokio::test]
async fn storage_that_does_not_fit_is_refused_by_a_restore() {
    let io1 = [("AllocatedStorage", "300"), ("StorageType", "io1"), ("Iops", "9000")];
    let account = shared().account("800000000001");
    account.create_and_take("orders", &io1).await;
    let gp3 = ("StorageType", "gp3");
    for more in [
        // RDS takes the IOPS of the backup.
        vec![gp3],
        vec![gp3, ("AllocatedStorage", "400")],
        vec![gp3, ("Iops", "0"), ("StorageThroughput", "500")],
        vec![gp3, ("AllocatedStorage", "400"), ("Iops", "12000"), ("StorageThroughput", "4000")],
        vec![("StorageType", "gp2")],
        vec![("Iops", "0")],
        vec![("Iops", "15001")],
        vec![("StorageThroughput", "500")],
        vec![("AllocatedStorage", "299")],
        vec![("AllocatedStorage", "65537"), ("Iops", "200000")],
        vec![("AllocatedStorage", "301")],
        vec![gp3, ("Iops", "0"), ("DedicatedLogVolume", "true")],
    ] {
        let refused = account.restore("orders-1", "x", &more).await.unwrap_err();
        assert_eq!(refused, "InvalidParameterCombination", "{more:?}");
    }
    account.restore("orders-1", "orders-2", &[gp3, ("Iops", "0")]).await.unwrap();
    let shown = account.instance("orders-2").await;
    let shown = ["StorageType", "Iops", "StorageThroughput"].map(|element| text(&shown, element).unwrap());
    assert_eq!(shown, ["gp3", "3000", "125"]);
}

// Rule of AWS: each storage type has its least and its largest size.
#[tokio::test]
async fn a_size_that_a_storage_type_does_not_have_is_refused() {
    let account = shared().account("800000000003");
    for (kind, size) in
        [("gp2", "19"), ("gp3", "19"), ("standard", "4"), ("standard", "3073"), ("gp3", "65537")]
    {
        let given = [("StorageType", kind), ("AllocatedStorage", size)];
        let refused = account.ask_for("orders", &given).await.unwrap_err();
        assert_eq!(refused, "InvalidParameterCombination", "{kind} {size}");
    }
    account.ask_for("orders", &[("StorageType", "standard"), ("AllocatedStorage", "5")]).await.unwrap();
}

// Rule of AWS: a ceiling of autoscaling is at least 10 % above the size.
#[tokio::test]
async fn a_ceiling_that_is_too_near_is_refused_and_the_size_turns_it_off() {
    let account = shared().account("800000000002");
    let near = [("AllocatedStorage", "100"), ("MaxAllocatedStorage", "109")];
    assert_eq!(account.ask_for("orders", &near).await.unwrap_err(), "InvalidParameterCombination");
    let created = account.create("orders", &[near[0], ("MaxAllocatedStorage", "110")]).await;
    assert_eq!(text(&created, "MaxAllocatedStorage").as_deref(), Some("110"));
    let modify = async |ceiling| {
        let given = [("DBInstanceIdentifier", "orders"), ("MaxAllocatedStorage", ceiling)];
        account.rds("ModifyDBInstance", &given).await
    };
    assert_eq!(modify("109").await.unwrap_err(), "InvalidParameterCombination");
    modify("100").await.unwrap();
    assert_eq!(text(&account.instance("orders").await, "MaxAllocatedStorage"), None);

    let never = json!({ "dbInstanceIdentifier": "orders", "parameter": "MaxAllocatedStorage" });
    shared().misbehave(json!({ "settingIsNeverShown": never })).await;
    modify("200").await.unwrap();
    assert_eq!(text(&account.instance("orders").await, "MaxAllocatedStorage"), None);
}
