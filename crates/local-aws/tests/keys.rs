//! Keys: who may use which, directly and through RDS.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use support::{Account, shared, text};

const FAULT: &str = "KMSKeyNotAccessibleFault";

fn allow(actions: Value) -> Value {
    json!({ "Sid": "Iam", "Effect": "Allow", "Action": actions, "Resource": "*" })
}

fn lets(account_id: &str, actions: Value, condition: Value) -> Value {
    json!({ "Sid": "LetTarget", "Effect": "Allow", "Principal": { "AWS": account_id }, "Action": actions,
        "Resource": "*", "Condition": condition })
}

/// A shared snapshot of an instance under the key; answers its ARN.
async fn shared_snapshot(source: Account<'_>, key: &str, target: &str) -> String {
    source.create("orders", &[("StorageEncrypted", "true"), ("KmsKeyId", key)]).await;
    let arn = source.take("orders", "orders-1").await;
    source.share("orders-1", target).await.unwrap();
    arn
}

// Rule of AWS: the AWS managed key is its own account's only.
#[tokio::test]
async fn the_aws_managed_key_is_described_to_its_own_account_only() {
    let (own, other) = (shared().account("200000000001"), shared().account("200000000002"));
    let described = own.kms("DescribeKey", json!({ "KeyId": "alias/aws/rds" })).await;
    assert_eq!(described["KeyMetadata"]["KeyManager"], "AWS");
    let arn = described["KeyMetadata"]["Arn"].clone();
    let denied = other.kms("DescribeKey", json!({ "KeyId": arn })).await;
    assert_eq!(denied["__type"], "AccessDeniedException");
    let secrets = own.kms("DescribeKey", json!({ "KeyId": "alias/aws/secretsmanager" })).await;
    assert_ne!(secrets["KeyMetadata"]["Arn"], arn);

    let instance = own.create("orders", &[("StorageEncrypted", "true")]).await;
    assert_eq!(text(&instance, "KmsKeyId").as_deref(), arn.as_str());
    assert_eq!(text(&instance, "StorageEncryptionType").as_deref(), Some("sse-kms"));
    let encrypt = json!({ "KeyId": "alias/aws/rds", "Plaintext": "aGk=" });
    assert_eq!(own.kms("Encrypt", encrypt).await["__type"], "AccessDeniedException", "only through RDS");
}

// Rule of AWS: a key of another account needs its policy and the caller's.
#[tokio::test]
async fn a_key_of_another_account_needs_its_policy_and_the_callers() {
    let (owner, target) = (shared().account("200000000003"), shared().account("200000000004"));
    let closed = owner.key().await;
    let open = owner.key_that_lets(&[lets("200000000004", json!("kms:DescribeKey"), json!({}))]).await;
    let with = target.role("With", allow(json!("kms:*"))).await;
    let without = target.role("Without", allow(json!("rds:*"))).await;
    let describe = async |caller: &str, key: &str| {
        shared().account(caller).kms("DescribeKey", json!({ "KeyId": key })).await
    };
    assert_eq!(describe(&with, &open).await["KeyMetadata"]["Arn"], json!(open));
    let last = shared().calls_of("200000000004").await.pop().unwrap();
    assert_eq!(last["allowedBy"], json!(["Iam", "LetTarget"]));
    let message = |answer: &Value| answer["message"].as_str().unwrap().to_owned();
    assert!(message(&describe(&with, &closed).await).contains("no resource-based policy allows"));
    assert!(message(&describe(&without, &open).await).contains("no identity-based policy allows"));
    assert_eq!(describe("200000000004", &open).await["KeyMetadata"]["KeyManager"], "CUSTOMER");
    let missing = format!("{}0000", &open[..open.len() - 4]);
    assert_eq!(describe(&with, &missing).await["__type"], "NotFoundException");
    assert_eq!(describe(&without, &missing).await["__type"], "AccessDeniedException");
}

// Rule of AWS: what a key policy allows to everybody depends on its conditions, and a denial wins.
#[tokio::test]
async fn conditions_and_denials_of_a_key_policy_decide_on_another_account() {
    let (owner, target) = (shared().account("200000000031"), shared().account("200000000032"));
    let role = target.role("Reader", allow(json!("kms:*"))).await;
    let to_all = |condition: Value| lets("*", json!("kms:*"), condition);
    let deny = |condition: Value| {
        let mut deny = lets("*", json!("kms:*Key"), condition);
        (deny["Sid"], deny["Effect"]) = (json!("Fence"), json!("Deny"));
        deny
    };
    let caller = |account: &str| json!({ "StringEquals": { "kms:CallerAccount": account } });
    for (statements, expected) in [
        (vec![to_all(caller("200000000032"))], None),
        (vec![to_all(caller("200000000031"))], Some("no resource-based policy allows")),
        (
            vec![to_all(json!({})), deny(caller("200000000032"))],
            Some("explicit deny in a resource-based policy"),
        ),
        (vec![to_all(json!({})), deny(caller("200000000033"))], None),
        (vec![to_all(json!({})), deny(json!({ "Bool": { "aws:SecureTransport": "false" } }))], None),
        (vec![to_all(json!({ "Bool": { "aws:PrincipalIsAWSService": "false" } }))], None),
    ] {
        let key = owner.key_that_lets(&statements).await;
        let answer = shared().account(&role).kms("DescribeKey", json!({ "KeyId": key })).await;
        let message = answer["message"].as_str();
        let as_expected = match (message, expected) {
            (None, None) => true,
            (Some(message), Some(expected)) => message.contains(expected),
            _ => false,
        };
        assert!(as_expected, "{statements:?}: {answer}");
    }
}

// Rule of AWS: RDS works through grants, which the caller must be allowed to make.
#[tokio::test]
async fn a_dry_run_of_a_grant_tells_whether_the_caller_may_grant_by_itself() {
    let (owner, target) = (shared().account("200000000005"), shared().account("200000000006"));
    let for_services = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
    let only_rds = owner.key_that_lets(&[lets("200000000006", json!("kms:CreateGrant"), for_services)]).await;
    let open = owner.key_that_lets(&[lets("200000000006", json!("kms:CreateGrant"), json!({}))]).await;
    let role = target.role("Granter", allow(json!("kms:CreateGrant"))).await;
    for (key, code) in [(open, "DryRunOperationException"), (only_rds, "AccessDeniedException")] {
        let grant = json!({ "KeyId": key, "DryRun": true, "Operations": ["Decrypt"],
            "GranteePrincipal": "arn:aws:iam::200000000006:role/Granter" });
        assert_eq!(shared().account(&role).kms("CreateGrant", grant).await["__type"], code);
    }
}

// Rule of AWS: a shared encrypted snapshot is copied only under a key of one's own.
// Rule of AWS: a key of another account needs its policy and the caller's.
#[tokio::test]
async fn rds_uses_a_source_key_only_as_far_as_both_accounts_let_it() {
    let (source, target) = (shared().account("200000000007"), shared().account("200000000008"));
    let via_rds = json!({ "StringLike": { "kms:ViaService": "rds.*" }, "ArnLike": {
        "aws:PrincipalArn": "arn:aws:iam::*:role/copy-*" } });
    let grants = json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } });
    let statements = [
        lets("200000000008", json!(["kms:Decrypt", "kms:DescribeKey"]), via_rds),
        lets("200000000008", json!("kms:CreateGrant"), grants),
    ];
    let key = source.key_that_lets(&statements).await;
    let snapshot = shared_snapshot(source, &key, "200000000008").await;
    let target_key = target.key().await;
    let names = |name| {
        [
            ("SourceDBSnapshotIdentifier", &*snapshot),
            ("TargetDBSnapshotIdentifier", name),
            ("KmsKeyId", &*target_key),
        ]
    };
    let rds_and = |kms: Value| json!([allow(json!("rds:*")), allow(kms)]);
    let enough = json!([
        "kms:DescribeKey",
        "kms:CreateGrant",
        "kms:Decrypt",
        "kms:Encrypt",
        "kms:GenerateDataKey*",
        "kms:ReEncrypt*"
    ]);
    let wrong_name = target.role("other", rds_and(enough.clone())).await;
    let (code, message) = shared().account(&wrong_name).refused("CopyDBSnapshot", &names("a")).await;
    assert_eq!(code, FAULT);
    assert_eq!(
        message,
        format!(
            "The source snapshot KMS key [{key}] does not exist, is not enabled or you do not \
                                 have permissions to access it."
        )
    );
    let no_grant =
        target.role("copy-no-grant", rds_and(json!(["kms:D*", "kms:Encrypt", "kms:G*", "kms:R*"]))).await;
    assert_eq!(shared().account(&no_grant).rds("CopyDBSnapshot", &names("b")).await.unwrap_err(), FAULT);
    let no_target = target.role("copy-no-target", rds_and(json!(["kms:D*", "kms:CreateGrant"]))).await;
    let (code, message) = shared().account(&no_target).refused("CopyDBSnapshot", &names("c")).await;
    assert!(code == FAULT && message.starts_with("The target KMS key ["), "{message}");
    let role = target.role("copy-all", rds_and(enough)).await;
    shared().account(&role).rds("CopyDBSnapshot", &names("d")).await.unwrap();
    let copied = target.snapshot("d").await;
    assert_eq!(text(&copied, "KmsKeyId"), Some(target_key.clone()));
    let calls = shared().calls_of("200000000008").await;
    let copy = calls.iter().rev().find(|it| it["operation"] == "CopyDBSnapshot").unwrap();
    assert_eq!(copy["allowedBy"], json!(["Iam", "LetTarget", "Enable IAM User Permissions"]));
}

// Rule of AWS: a key policy is a policy.
#[tokio::test]
async fn a_key_policy_that_is_no_policy_is_refused() {
    let account = shared().account("200000000011");
    let key = account.key().await;
    for policy in ["none", "[]", "{}", r#"{"Statement": [{"Effect": "Maybe"}]}"#] {
        let put = json!({ "KeyId": key, "PolicyName": "default", "Policy": policy });
        let code = "MalformedPolicyDocumentException";
        assert_eq!(account.kms("PutKeyPolicy", put).await["__type"], code, "{policy}");
        assert_eq!(account.kms("CreateKey", json!({ "Policy": policy })).await["__type"], code, "{policy}");
    }
    account.create("orders", &[("StorageEncrypted", "true"), ("KmsKeyId", &key)]).await;
}

// Rule of AWS: only enabled symmetric keys of the Region encrypt.
#[tokio::test]
async fn only_enabled_encryption_keys_of_the_region_encrypt() {
    let account = shared().account("200000000009");
    let (disabled, pending) = (account.key().await, account.key().await);
    account.kms("DisableKey", json!({ "KeyId": disabled })).await;
    account.kms("ScheduleKeyDeletion", json!({ "KeyId": pending, "PendingWindowInDays": 7 })).await;
    let hmac = json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
    let not_for_storage = account.key_with(hmac).await;
    let elsewhere = account.in_region("eu-west-1").key().await;
    account.create_and_take("orders", &[]).await;
    for key in [&*disabled, &pending, &not_for_storage, &elsewhere, "alias/none"] {
        let copy = [
            ("SourceDBSnapshotIdentifier", "orders-1"),
            ("TargetDBSnapshotIdentifier", "orders-2"),
            ("KmsKeyId", key),
        ];
        assert_eq!(account.rds("CopyDBSnapshot", &copy).await.unwrap_err(), FAULT, "{key}");
    }
}

// Rule of AWS: RDS works through grants, which the caller must be allowed to make.
#[tokio::test]
async fn a_restore_needs_a_grant_on_the_snapshots_key() {
    let account = shared().account("200000000010");
    let key = account.key().await;
    account.create_and_take("orders", &[("StorageEncrypted", "true"), ("KmsKeyId", &key)]).await;
    let names = [("DBInstanceIdentifier", "orders-2"), ("DBSnapshotIdentifier", "orders-1")];
    let restore = "RestoreDBInstanceFromDBSnapshot";
    let without =
        account.role("Without", json!([allow(json!("rds:*")), allow(json!("kms:DescribeKey"))])).await;
    assert_eq!(shared().account(&without).rds(restore, &names).await.unwrap_err(), FAULT);
    let with = json!([allow(json!("rds:*")), allow(json!(["kms:DescribeKey", "kms:CreateGrant"]))]);
    let with = account.role("With", with).await;
    shared().account(&with).rds(restore, &names).await.unwrap();
    account.kms("DisableKey", json!({ "KeyId": key })).await;
    let third = [("DBInstanceIdentifier", "orders-3"), names[1]];
    assert_eq!(account.rds(restore, &third).await.unwrap_err(), FAULT);
}
