//! The source account that `Share` looks at, as RDS and KMS describe it, and the answers that it gets.

use aws_sdk_rds::Client;
use aws_sdk_rds::operation::describe_db_snapshot_attributes::DescribeDbSnapshotAttributesOutput;
use aws_sdk_rds::operation::describe_db_snapshots::DescribeDbSnapshotsOutput;
use aws_sdk_rds::operation::modify_db_snapshot_attribute::ModifyDbSnapshotAttributeOutput;
use aws_sdk_rds::primitives::DateTime;
use aws_sdk_rds::types::builders::DbSnapshotBuilder;
use aws_sdk_rds::types::{DbSnapshot, DbSnapshotAttribute, DbSnapshotAttributesResult, Tag};
use aws_sdk_sns::operation::publish::PublishOutput;
use aws_smithy_mocks::{Rule, mock};
use replication::Run;
use serde_json::{Value, json};
use test_support::{json_answer, rds_fault, xml_answer};

pub const ARN: &str = "arn:aws:rds:us-east-1:111111111111:snapshot:orders-20261120t160812z-3f9a-copy";

pub fn snapshot() -> Rule {
    found(of_source())
}

pub fn of_source() -> DbSnapshotBuilder {
    let tags = Run::from_identifier("orders-20261120t160812z-3f9a").unwrap().tags();
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    DbSnapshot::builder()
        .db_snapshot_arn(ARN)
        .db_instance_identifier("orders-prod")
        .set_tag_list(Some(tags))
        .engine("postgres")
        .engine_version("16.14")
        .kms_key_id("arn:aws:kms:us-east-1:111111111111:key/shareable")
        .allocated_storage(500)
        .snapshot_database_time(DateTime::from_secs(1_795_190_892))
        .master_username("orders_master")
        .option_group_name("local-options")
        .vpc_id("local-vpc")
}

pub fn found(it: DbSnapshotBuilder) -> Rule {
    let it = it.build();
    mock!(Client::describe_db_snapshots)
        .then_output(move || DescribeDbSnapshotsOutput::builder().db_snapshots(it.clone()).build())
}

pub fn accounts(shared_with: &[&str]) -> Rule {
    let shared_with = shared_with.iter().map(|it| (*it).to_owned()).collect();
    let restore = DbSnapshotAttribute::builder().attribute_name("restore");
    let result = DbSnapshotAttributesResult::builder()
        .db_snapshot_attributes(restore.set_attribute_values(Some(shared_with)).build())
        .build();
    mock!(Client::describe_db_snapshot_attributes).then_output(move || {
        DescribeDbSnapshotAttributesOutput::builder().db_snapshot_attributes_result(result.clone()).build()
    })
}

/// The source, with every setting that crosses, and every name that must not.
pub fn source() -> Rule {
    let instance = "<Endpoint><Address>local-host</Address><Port>5433</Port></Endpoint><DBName>orders</DBName>\
        <DBInstanceClass>db.r6g.large</DBInstanceClass><MultiAZ>true</MultiAZ><StorageType>gp3</StorageType>\
        <Iops>12000</Iops><StorageThroughput>500</StorageThroughput><MaxAllocatedStorage>1000</MaxAllocatedStorage>\
        <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled>\
        <EnabledCloudwatchLogsExports><member>postgresql</member></EnabledCloudwatchLogsExports>\
        <CACertificateIdentifier>rds-ca-rsa2048-g1</CACertificateIdentifier>\
        <BackupRetentionPeriod>7</BackupRetentionPeriod><PreferredBackupWindow>03:00-03:30</PreferredBackupWindow>\
        <PreferredMaintenanceWindow>sun:04:00-sun:04:30</PreferredMaintenanceWindow>\
        <AutoMinorVersionUpgrade>false</AutoMinorVersionUpgrade><LicenseModel>postgresql-license</LicenseModel>\
        <EngineLifecycleSupport>open-source-rds-extended-support</EngineLifecycleSupport>\
        <DeletionProtection>true</DeletionProtection><CopyTagsToSnapshot>true</CopyTagsToSnapshot>\
        <NetworkType>IPV4</NetworkType><MonitoringInterval>60</MonitoringInterval>\
        <PerformanceInsightsEnabled>true</PerformanceInsightsEnabled>\
        <PerformanceInsightsRetentionPeriod>7</PerformanceInsightsRetentionPeriod>\
        <AvailabilityZone>local-zone</AvailabilityZone><MonitoringRoleArn>local-role</MonitoringRoleArn>\
        <KmsKeyId>local-key</KmsKeyId><PerformanceInsightsKMSKeyId>local-key</PerformanceInsightsKMSKeyId>\
        <DBSubnetGroup><DBSubnetGroupName>local-subnets</DBSubnetGroupName><VpcId>local-vpc</VpcId></DBSubnetGroup>\
        <VpcSecurityGroups><VpcSecurityGroupMembership><VpcSecurityGroupId>local-sg</VpcSecurityGroupId>\
        </VpcSecurityGroupMembership></VpcSecurityGroups>\
        <DBParameterGroups><DBParameterGroup><DBParameterGroupName>local-pg</DBParameterGroupName>\
        </DBParameterGroup></DBParameterGroups>\
        <MasterUserSecret><SecretArn>local-secret</SecretArn></MasterUserSecret>";
    let result = format!("<DBInstances><DBInstance>{instance}</DBInstance></DBInstances>");
    let result = format!("<DescribeDBInstancesResult>{result}</DescribeDBInstancesResult>");
    let answer = format!("<DescribeDBInstancesResponse>{result}</DescribeDBInstancesResponse>");
    mock!(Client::describe_db_instances).then_http_response(move || xml_answer(200, &answer))
}

pub fn shared() -> Rule {
    mock!(Client::modify_db_snapshot_attribute)
        .then_output(|| ModifyDbSnapshotAttributeOutput::builder().build())
}

pub fn refused(code: &'static str) -> Rule {
    mock!(Client::modify_db_snapshot_attribute).then_http_response(move || rds_fault(code))
}

pub fn published() -> Rule {
    mock!(aws_sdk_sns::Client::publish).then_output(|| PublishOutput::builder().build())
}

/// A policy of the snapshot's key.
pub fn policy(statements: &[Value]) -> Rule {
    let answer = json!({ "Policy": json!({ "Statement": statements }).to_string() });
    mock!(aws_sdk_kms::Client::get_key_policy).then_http_response(move || json_answer(&answer))
}

/// Statements that let the target account do everything.
pub fn everything() -> [Value; 1] {
    let principal = json!({"AWS": "arn:aws:iam::222222222222:root"});
    [json!({"Effect": "Allow", "Principal": principal, "Action": "kms:*"})]
}
