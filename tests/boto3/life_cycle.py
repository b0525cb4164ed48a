"""The whole life of a snapshot, driven by boto3 with its own waiters and paginators.

Nobody here wrote boto3: what it cannot parse, or what botocore's model of RDS does not know, is wrong. Every answer's
XML is compared with the model: no element that the model lacks, and no error code that neither the operation nor the
list below knows. The endpoint comes from AWS_ENDPOINT_URL, as for any program.
"""

import unittest
import xml.etree.ElementTree as ElementTree

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

SOURCE, TARGET, REGION = "111111111111", "222222222222", "us-east-1"
NAMESPACE = "{http://rds.amazonaws.com/doc/2014-10-31/}"
PASSWORD = "first-password"

# Codes that RDS answers although no operation's model lists them.
UNMODELLED = {"InvalidParameterValue", "InvalidParameterCombination", "ValidationError", "Throttling", "AccessDenied"}

checked = {"answers": 0, "errors": 0}


def unknown_elements(element, shape, path=""):
    """Elements of an answer that its shape lacks."""
    if shape.type_name == "structure":
        members = {it.serialization.get("name", name): it for name, it in shape.members.items()}
        for child in element:
            name = child.tag.removeprefix(NAMESPACE)
            if name not in members:
                yield f"{path}/{name}"
            else:
                yield from unknown_elements(child, members[name], f"{path}/{name}")
    elif shape.type_name == "list":
        expected = shape.member.serialization.get("name", "member")
        for child in element:
            name = child.tag.removeprefix(NAMESPACE)
            if name != expected:
                yield f"{path}/{name} instead of {expected}"
            else:
                yield from unknown_elements(child, shape.member, path)


def client(account, region=REGION):
    rds = boto3.client(
        "rds",
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 1}),
    )
    model = rds.meta.service_model

    def check(http_response, operation_name, **_):
        root = ElementTree.fromstring(http_response.content)
        operation = model.operation_model(operation_name)
        if http_response.status_code < 300:
            wrapper = root.find(f"{NAMESPACE}{operation_name}Result")
            if operation.output_shape is not None and operation.output_shape.members:
                found = list(unknown_elements(wrapper, operation.output_shape))
                assert not found, f"{operation_name}: the model does not know {found}"
            checked["answers"] += 1
            return
        code = root.find(f"{NAMESPACE}Error/{NAMESPACE}Code").text
        known = {it.metadata["error"]["code"]: it.metadata["error"]["httpStatusCode"] for it in operation.error_shapes}
        assert code in known or code in UNMODELLED, f"{operation_name} cannot answer {code}"
        assert known.get(code, http_response.status_code) == http_response.status_code, code
        checked["errors"] += 1

    # Hooked before parsing, so that the answer is compared as it came.
    def response_received(response_dict=None, operation_model=None, **_):
        raw = type("Raw", (), {"content": response_dict["body"], "status_code": response_dict["status_code"]})
        check(raw, operation_model.name)

    rds.meta.events.register("before-parse.rds", response_received)
    return rds


def wait(rds, name, **what):
    rds.get_waiter(name).wait(WaiterConfig={"Delay": 0.2, "MaxAttempts": 300}, **what)


class LifeCycle(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.source, cls.target, cls.elsewhere = client(SOURCE), client(TARGET), client(TARGET, "eu-central-1")
        cls.keys = {}
        for account in (SOURCE, TARGET):
            kms = boto3.client("kms", region_name=REGION, aws_access_key_id=account, aws_secret_access_key="local")
            cls.keys[account] = kms.create_key(Description="boto3")["KeyMetadata"]["Arn"]
            principals = [f"arn:aws:iam::{it}:root" for it in (SOURCE, TARGET)]
            statement = {"Effect": "Allow", "Principal": {"AWS": principals}, "Action": "kms:*", "Resource": "*"}
            policy = str({"Version": "2012-10-17", "Statement": [statement]}).replace("'", '"')
            kms.put_key_policy(KeyId=cls.keys[account], PolicyName="default", Policy=policy)
        cls.source.create_db_instance(
            DBInstanceIdentifier="Orders-Prod",
            DBInstanceClass="db.t4g.medium",
            Engine="postgres",
            AllocatedStorage=20,
            DBName="shop",
            MasterUsername="shopkeeper",
            MasterUserPassword=PASSWORD,
            StorageEncrypted=True,
            KmsKeyId=cls.keys[SOURCE],
            CopyTagsToSnapshot=True,
            Tags=[{"Key": "team", "Value": "orders"}],
        )
        wait(cls.source, "db_instance_available", DBInstanceIdentifier="orders-prod")

    def refused(self, code, call, **parameters):
        with self.assertRaises(ClientError) as caught:
            call(**parameters)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)

    def test_snapshot_share_copy_restore_and_delete(self):
        instance = self.source.describe_db_instances(DBInstanceIdentifier="ORDERS-PROD")["DBInstances"][0]
        self.assertEqual(instance["DBInstanceIdentifier"], "orders-prod")
        self.assertEqual(instance["StorageEncryptionType"], "sse-kms")

        snapshot = self.source.create_db_snapshot(DBInstanceIdentifier="orders-prod", DBSnapshotIdentifier="Life-1")
        snapshot = snapshot["DBSnapshot"]
        self.assertEqual((snapshot["DBSnapshotIdentifier"], snapshot["Status"]), ("life-1", "creating"))
        again = {"DBInstanceIdentifier": "orders-prod", "DBSnapshotIdentifier": "life-2"}
        self.refused("InvalidDBInstanceState", self.source.create_db_snapshot, **again)
        self.refused("InvalidDBSnapshotState", self.source.delete_db_snapshot, DBSnapshotIdentifier="life-1")
        wait(self.source, "db_snapshot_available", DBSnapshotIdentifier="life-1")
        again["DBSnapshotIdentifier"] = "life-1"
        wait(self.source, "db_instance_available", DBInstanceIdentifier="orders-prod")
        self.refused("DBSnapshotAlreadyExists", self.source.create_db_snapshot, **again)
        self.refused("DBSnapshotNotFound", self.source.describe_db_snapshots, DBSnapshotIdentifier="nothing")
        snapshot = self.source.describe_db_snapshots(DBSnapshotIdentifier="life-1")["DBSnapshots"][0]
        self.assertEqual(snapshot["PercentProgress"], 100)
        self.assertIn({"Key": "team", "Value": "orders"}, snapshot["TagList"])
        arn = snapshot["DBSnapshotArn"]

        attributes = self.source.describe_db_snapshot_attributes(DBSnapshotIdentifier="life-1")
        attributes = attributes["DBSnapshotAttributesResult"]["DBSnapshotAttributes"]
        self.assertEqual(attributes, [{"AttributeName": "restore", "AttributeValues": []}])
        copy = {"SourceDBSnapshotIdentifier": arn, "TargetDBSnapshotIdentifier": "life-1", "KmsKeyId": self.keys[TARGET]}
        self.refused("DBSnapshotNotFound", self.target.copy_db_snapshot, **copy)
        share = {"DBSnapshotIdentifier": "life-1", "AttributeName": "restore"}
        self.source.modify_db_snapshot_attribute(**share, ValuesToAdd=[TARGET])
        many = [f"{number:012}" for number in range(20)]
        self.refused("SharedSnapshotQuotaExceeded", self.source.modify_db_snapshot_attribute, **share, ValuesToAdd=many)
        shared = self.target.describe_db_snapshots(SnapshotType="shared")["DBSnapshots"]
        self.assertEqual([it["DBSnapshotArn"] for it in shared], [arn])
        self.assertEqual(self.target.describe_db_snapshots()["DBSnapshots"], [])

        without_key = {key: value for key, value in copy.items() if key != "KmsKeyId"}
        self.refused("KMSKeyNotAccessibleFault", self.target.copy_db_snapshot, **without_key)
        self.target.copy_db_snapshot(**copy, Tags=[{"Key": "run", "Value": "1"}])
        wait(self.target, "db_snapshot_available", DBSnapshotIdentifier="life-1")
        copied = self.target.describe_db_snapshots(DBSnapshotIdentifier="life-1")["DBSnapshots"][0]
        self.assertEqual((copied["KmsKeyId"], copied["SnapshotType"]), (self.keys[TARGET], "manual"))
        self.assertEqual(copied["SourceDBSnapshotIdentifier"], arn)
        self.assertEqual(copied["TagList"], [{"Key": "run", "Value": "1"}])
        self.assertEqual(copied["OriginalSnapshotCreateTime"], snapshot["SnapshotCreateTime"])

        restore = {"DBInstanceIdentifier": "restored", "DBSnapshotIdentifier": "life-1"}
        self.target.restore_db_instance_from_db_snapshot(**restore, PubliclyAccessible=False)
        self.refused("DBInstanceAlreadyExists", self.target.restore_db_instance_from_db_snapshot, **restore)
        wait(self.target, "db_instance_available", DBInstanceIdentifier="restored")
        self.target.modify_db_instance(
            DBInstanceIdentifier="restored", MasterUserPassword="second-password", DeletionProtection=True
        )
        wait(self.target, "db_instance_available", DBInstanceIdentifier="restored")
        delete = {"DBInstanceIdentifier": "restored", "SkipFinalSnapshot": True}
        self.refused("InvalidParameterCombination", self.target.delete_db_instance, **delete)
        self.target.modify_db_instance(DBInstanceIdentifier="restored", DeletionProtection=False)
        wait(self.target, "db_instance_available", DBInstanceIdentifier="restored")
        self.target.delete_db_instance(**delete)
        wait(self.target, "db_instance_deleted", DBInstanceIdentifier="restored")
        self.target.delete_db_snapshot(DBSnapshotIdentifier="life-1")
        wait(self.target, "db_snapshot_deleted", DBSnapshotIdentifier="life-1")
        self.refused("DBInstanceNotFound", self.target.describe_db_instances, DBInstanceIdentifier="restored")

    def test_tags_of_every_kind_are_added_overwritten_and_removed(self):
        arn = f"arn:aws:rds:{REGION}:{SOURCE}:db:orders-prod"
        self.source.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
        self.source.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "a", "Value": "2"}])
        self.source.remove_tags_from_resource(ResourceName=arn, TagKeys=["b"])
        tags = {it["Key"]: it["Value"] for it in self.source.list_tags_for_resource(ResourceName=arn)["TagList"]}
        self.assertEqual(tags, {"team": "orders", "a": "2"})
        reserved = [{"Key": "aws:mine", "Value": "x"}]
        self.refused("InvalidParameterValue", self.source.add_tags_to_resource, ResourceName=arn, Tags=reserved)

    def test_pages_follow_their_markers(self):
        described = list(self.source.get_paginator("describe_db_instances").paginate(PaginationConfig={"PageSize": 20}))
        self.assertEqual([it["DBInstanceIdentifier"] for page in described for it in page["DBInstances"]], ["orders-prod"])
        self.refused("InvalidParameterValue", self.source.describe_db_snapshots, MaxRecords=19)
        self.refused("InvalidParameterValue", self.source.describe_db_snapshots, MaxRecords=101)

    def test_what_is_offered_and_what_happened_is_described(self):
        versions = self.source.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"]
        self.assertEqual([it["Status"] for it in versions], ["available"])
        wanted = {"Engine": "postgres", "EngineVersion": versions[0]["EngineVersion"], "DBInstanceClass": "db.t4g.medium"}
        options = self.source.describe_orderable_db_instance_options(**wanted)["OrderableDBInstanceOptions"]
        self.assertIn("gp3", [it["StorageType"] for it in options])
        certificates = self.source.describe_certificates()
        default = certificates["DefaultCertificateForNewLaunches"]
        self.assertIn(default, [it["CertificateIdentifier"] for it in certificates["Certificates"]])
        of_instance = {"SourceType": "db-instance", "SourceIdentifier": "orders-prod", "Duration": 60}
        events = [it["Message"] for it in self.source.describe_events(**of_instance)["Events"]]
        self.assertIn("DB instance created", events)
        for described in (
            self.source.describe_db_parameter_groups(DBParameterGroupName="default.postgres16"),
            self.source.describe_option_groups(EngineName="postgres"),
            self.source.describe_db_subnet_groups(DBSubnetGroupName="default"),
            self.source.describe_account_attributes(),
        ):
            self.assertTrue(described)

    @classmethod
    def tearDownClass(cls):
        print(f"{checked['answers']} answers and {checked['errors']} errors compared with botocore's model")


if __name__ == "__main__":
    unittest.main(verbosity=2)
