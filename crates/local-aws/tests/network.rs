//! The network that RDS is asked for is that of EC2.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use support::shared;

const GROUP: &str = "VpcSecurityGroupIds.VpcSecurityGroupId.1";

// Rule of AWS: a security group that EC2 does not have is refused.
#[tokio::test]
async fn security_groups_that_do_not_exist_are_refused() {
    let account = shared().account("330000000001");
    let group = account.security_group("copies").await;
    let refused = async |action: &str, named: &[(&str, &str)]| {
        let (code, message) = account.refused(action, &[named, &[(GROUP, "sg-1")]].concat()).await;
        assert_eq!(code, "InvalidParameterValue", "{action}");
        assert!(message.contains("sg-1"), "{action}: {message}");
    };
    assert_eq!(account.ask_for("orders", &[(GROUP, "sg-1")]).await.unwrap_err(), "InvalidParameterValue");
    account.create_and_take("orders", &[(GROUP, &group)]).await;
    refused("ModifyDBInstance", &[("DBInstanceIdentifier", "orders")]).await;
    let names = [("DBInstanceIdentifier", "orders-2"), ("DBSnapshotIdentifier", "orders-1")];
    refused("RestoreDBInstanceFromDBSnapshot", &names).await;
}

// Rule of AWS: a DB subnet group has subnets that EC2 has.
#[tokio::test]
async fn subnets_that_do_not_exist_are_refused() {
    let account = shared().account("330000000002");
    let [one, other] = account.subnets().await;
    let group = async |action: &str, second: &str| {
        let given = [
            ("DBSubnetGroupName", "private"),
            ("DBSubnetGroupDescription", "private"),
            ("SubnetIds.SubnetIdentifier.1", &*one),
            ("SubnetIds.SubnetIdentifier.2", second),
        ];
        account.rds(action, &given).await
    };
    assert_eq!(group("CreateDBSubnetGroup", "subnet-1").await.unwrap_err(), "InvalidParameterValue");
    group("CreateDBSubnetGroup", &other).await.unwrap();
    assert_eq!(group("ModifyDBSubnetGroup", "subnet-1").await.unwrap_err(), "InvalidParameterValue");
}
