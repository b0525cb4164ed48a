//! What the local RDS offers, and what it tells of its work. A creation accepts what is offered.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use support::{shared, text, until};

fn count(answer: &str, element: &str) -> usize {
    answer.matches(&format!("<{element}>")).count()
}

// Rule of AWS: what is offered can be ordered.
#[tokio::test]
async fn versions_classes_and_certificates_that_are_offered_are_accepted() {
    let account = shared().account("320000000001");
    let offered =
        async |operation: &str, given: &[(&str, &str)]| account.rds(operation, given).await.unwrap();
    let engine = ("Engine", "postgres");
    let versions = offered("DescribeDBEngineVersions", &[engine]).await;
    assert!(count(&versions, "DBEngineVersion") > 1);
    assert_eq!(text(&versions, "EngineVersion").as_deref(), Some("16.1"));
    let default = offered("DescribeDBEngineVersions", &[engine, ("DefaultOnly", "true")]).await;
    assert_eq!(count(&default, "DBEngineVersion"), 1);
    let version = text(&default, "EngineVersion").unwrap();
    let none = offered("DescribeDBEngineVersions", &[("EngineVersion", "99")]).await;
    assert_eq!(count(&none, "DBEngineVersion"), 0);
    let family = [("DBParameterGroupFamily", "postgres16"), ("EngineVersion", "16")];
    let of_family = offered("DescribeDBEngineVersions", &family).await;
    assert_eq!(count(&of_family, "DBEngineVersion"), count(&versions, "DBEngineVersion"));

    let of_version = [engine, ("EngineVersion", &*version), ("MaxRecords", "1000")];
    let options = offered("DescribeOrderableDBInstanceOptions", &of_version).await;
    assert!(count(&options, "OrderableDBInstanceOption") > 500);
    let class = text(&options, "DBInstanceClass").unwrap();
    let of_class = [&of_version[..2], &[("DBInstanceClass", &*class)]].concat();
    let of_class = offered("DescribeOrderableDBInstanceOptions", &of_class).await;
    assert_eq!(count(&of_class, "OrderableDBInstanceOption"), 5, "one for each storage type");
    let io1 = of_class.split("</OrderableDBInstanceOption>").find(|it| it.contains(">io1<")).unwrap();
    for (element, value) in
        [("MinStorageSize", "100"), ("MaxIopsPerDbInstance", "256000"), ("MaxIopsPerGib", "50")]
    {
        assert_eq!(text(io1, element).as_deref(), Some(value), "{element}");
    }
    let unknown = [engine, ("EngineVersion", "99")];
    let refused = account.rds("DescribeOrderableDBInstanceOptions", &unknown).await;
    assert_eq!(refused.unwrap_err(), "InvalidParameterCombination");

    let certificates = offered("DescribeCertificates", &[]).await;
    let certificate = text(&certificates, "DefaultCertificateForNewLaunches").unwrap();
    let named = [("CertificateIdentifier", &*certificate)];
    assert_eq!(count(&offered("DescribeCertificates", &named).await, "CertificateIdentifier"), 1);
    let missing = account.rds("DescribeCertificates", &[("CertificateIdentifier", "rds-ca-2015")]).await;
    assert_eq!(missing.unwrap_err(), "CertificateNotFound");

    // Where a parameter comes twice, the last one counts.
    let all = [
        ("EngineVersion", &*version),
        ("DBInstanceClass", &class),
        ("CACertificateIdentifier", &certificate),
        ("LicenseModel", "postgresql-license"),
    ];
    let created = account.create("orders", &all).await;
    assert_eq!(text(&created, "EngineVersion"), Some(version));
}

// Rule of AWS: RDS tells what happened, by source and time.
#[tokio::test]
async fn events_tell_what_happened_to_a_source() {
    let account = shared().account("320000000002");
    account.create_and_take("orders", &[]).await;
    account.restore("orders-1", "orders-2", &[]).await.unwrap();
    account.instance("orders-2").await;
    account.rds("StopDBInstance", &[("DBInstanceIdentifier", "orders")]).await.unwrap();
    let events = async |given: &[(&str, &str)]| account.rds("DescribeEvents", given).await;
    let of = |kind, identifier| [("SourceType", kind), ("SourceIdentifier", identifier)];
    let all = until(async || {
        let all = events(&of("db-instance", "orders")).await.unwrap();
        all.contains("DB instance stopped").then_some(all)
    })
    .await;
    let mut last = 0;
    for message in [
        "DB instance created",
        "Backing up DB instance",
        "Finished DB instance backup",
        "DB instance stopped",
    ] {
        let at = all.find(message).unwrap_or_else(|| panic!("{message} is missing in {all}"));
        assert!(at >= last, "{message} comes late in {all}");
        last = at;
    }
    let restored = events(&of("db-instance", "orders-2")).await.unwrap();
    assert!(restored.contains("Restored from snapshot orders-1"), "{restored}");
    let taken = events(&of("db-snapshot", "orders-1")).await.unwrap();
    assert_eq!(text(&taken, "Message").as_deref(), Some("Creating manual snapshot"));
    assert!(taken.contains("Manual snapshot created"));
    let only =
        [&of("db-instance", "orders")[..], &[("EventCategories.EventCategory.1", "creation")]].concat();
    assert_eq!(count(&events(&only).await.unwrap(), "Event"), 1);
    let early = [("StartTime", "2020-01-01T00:00:00Z"), ("EndTime", "2020-01-02T00:00:00Z")];
    assert_eq!(count(&events(&early).await.unwrap(), "Event"), 0);
    let alone = [("SourceIdentifier", "orders")];
    assert_eq!(events(&alone).await.unwrap_err(), "InvalidParameterCombination");
    assert_eq!(events(&of("db", "orders")).await.unwrap_err(), "InvalidParameterValue");
    assert_eq!(events(&[("StartTime", "yesterday")]).await.unwrap_err(), "InvalidParameterValue");
}
