//! What the policies of keys say of the target account, as IAM would read them.

// Clippy's allowance for tests does not reach their helpers.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use serde_json::{Value, json};
use share::key_policy::{Refused, Verdict, verdict};

const KEY: &str = "arn:aws:kms:us-east-1:111111111111:key/shareable";
const TARGET: &str = "222222222222";
const ROLE: &str = "arn:aws:iam::222222222222:role/snapferry-CopyAndReencrypt-eu-central-1";

/// `all`, `none`, or what is refused, then `?` with what is unknown.
fn check(statements: &Value, expected: &str) {
    let verdict = verdict(&json!({ "Statement": statements }), KEY, TARGET);
    let short = |it: &Refused| {
        let by = it.denied_by.as_ref().map(|it| format!(" by {it}")).unwrap_or_default();
        let directly = if it.through_rds { "" } else { " directly" };
        it.action.replace("kms:", "") + &by + directly
    };
    let refused: Vec<String> = verdict.refused.iter().map(short).collect();
    let unknown: Vec<String> = verdict.unknown.iter().map(|it| it.replace("kms:", "?")).collect();
    let got = match (refused.len(), unknown.len()) {
        (0, 0) => "all".to_owned(),
        _ => [refused, unknown].concat().join(" "),
    };
    assert_eq!(got, expected, "{statements}");
}

const NONE: &str = "DescribeKey CreateGrant Decrypt";
const UNKNOWN: &str = "?DescribeKey ?CreateGrant ?Decrypt";

fn allow(principal: Value, action: Value) -> Value {
    json!({"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"})
}

/// Everything to everybody, under a condition.
fn under(condition: Value) -> Value {
    let mut allow = allow(json!({"AWS": "*"}), json!("kms:*"));
    allow["Condition"] = condition;
    allow
}

/// Everything to everybody, but what this statement denies.
fn but(deny: Value) -> Value {
    let mut deny = deny;
    deny["Effect"] = json!("Deny");
    json!([allow(json!("*"), json!("kms:*")), deny])
}

#[test]
fn principals_are_read_as_iam_reads_them() {
    let of = |principal: Value| allow(principal, json!("kms:*"));
    for principal in [
        json!("*"),
        json!({"AWS": "*"}),
        json!({"AWS": TARGET}),
        json!({"AWS": ["333333333333", "arn:aws:iam::222222222222:root"]}),
    ] {
        check(&of(principal), "all");
    }
    for principal in [
        json!({"AWS": "333333333333"}),
        json!({"AWS": "arn:aws:iam::333333333333:root"}),
        json!({"AWS": "arn:aws:iam::222222222222:role/other"}),
        json!({"AWS": "arn:aws:iam::222222222222:user/snapferry-CopyAndReencrypt-eu-central-1"}),
        // What a principal becomes once it is deleted.
        json!({"AWS": "AROAEXAMPLE"}),
        // No pattern but `*` alone is one in a principal.
        json!({"AWS": "arn:aws:iam::222222222222:role/*"}),
        json!({"Service": "rds.amazonaws.com"}),
        json!({"Federated": "*"}),
    ] {
        check(&of(principal), NONE);
    }
    // The Region in the role's name is the target's, which is not known here.
    check(&of(json!({"AWS": ROLE})), UNKNOWN);
    check(&json!([]), NONE);
}

#[test]
fn actions_are_patterns_anywhere_and_without_case() {
    let of = |action: Value| allow(json!({"AWS": TARGET}), action);
    for action in [
        json!("*"),
        json!("KMS:*"),
        json!(["kms:D*", "kms:creategrant"]),
        json!(["kms:*Key", "kms:?e?rypt", "kms:*Grant"]),
        json!(["kms:De*y*", "kms:C*t", "k*:Decrypt"]),
    ] {
        check(&of(action), "all");
    }
    check(&of(json!(["kms:DescribeKey", "kms:Decrypt"])), "CreateGrant");
    check(&of(json!(["kms:*Grants", "kms:De*t", "kms:Describe"])), "DescribeKey CreateGrant");
    let mut allow = of(Value::Null);
    allow["NotAction"] = json!(["kms:Delete*", "kms:*Decr*"]);
    check(&allow, "Decrypt");
}

#[test]
fn conditions_that_name_accounts_and_roles_decide() {
    let role = "arn:aws:iam::222222222222:role/snapferry-CopyAndReencrypt-*";
    for condition in [
        json!({}),
        json!({"StringEquals": {"kms:CallerAccount": TARGET}}),
        json!({"StringEquals": {"KMS:calleraccount": ["111111111111", TARGET]}}),
        json!({"StringLike": {"aws:PrincipalAccount": "2222*"}}),
        json!({"ForAnyValue:StringEquals": {"aws:PrincipalAccount": TARGET}}),
        json!({"ArnLike": {"aws:PrincipalArn": role}}),
        json!({"ArnEquals": {"aws:PrincipalArn": "arn:*:iam::222222222222:*"}}),
        json!({"StringLike": {"aws:PrincipalArn": "arn:aws:iam::2*:role/snap*"}}),
        json!({"StringNotEquals": {"kms:CallerAccount": "111111111111"}}),
        json!({"StringNotLike": {"aws:PrincipalArn": "arn:aws:iam::111111111111:*"}}),
        json!({"Bool": {"aws:SecureTransport": true}}),
        json!({"StringEquals": {"aws:ResourceAccount": "111111111111"}}),
        json!({"Null": {"aws:PrincipalArn": "false"}}),
        json!({"StringLikeIfExists": {"kms:ViaService": "rds.*"}}),
    ] {
        check(&under(condition), "all");
    }
    for condition in [
        json!({"StringEquals": {"kms:CallerAccount": "111111111111"}}),
        json!({"StringEquals": {"kms:CallerAccount": "2*"}}),
        json!({"StringNotEquals": {"aws:PrincipalAccount": [TARGET]}}),
        json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::222222222222:role/other*"}}),
        json!({"ArnNotLike": {"aws:PrincipalArn": role}}),
        json!({"StringEquals": {"kms:CallerAccount": TARGET, "aws:PrincipalAccount": "111111111111"}}),
        json!({"Null": {"kms:CallerAccount": "true"}}),
        // Met for no call through RDS, and a call that is not made through a service has no such key.
        json!({"StringEquals": {"kms:ViaService": "ec2.us-east-1.amazonaws.com"}}),
    ] {
        check(&under(condition), NONE);
    }
}

#[test]
fn conditions_on_how_the_key_is_used_decide() {
    // The function looks at the key by itself, and RDS does the rest.
    check(&under(json!({"StringLike": {"kms:ViaService": "rds.*"}})), "DescribeKey directly");
    check(
        &under(json!({"StringEquals": {"kms:ViaService": "rds.us-east-1.amazonaws.com"}})),
        "DescribeKey directly ?DescribeKey ?CreateGrant ?Decrypt",
    );
    // Only calls about grants have this key.
    check(&under(json!({"Bool": {"kms:GrantIsForAWSResource": "true"}})), "DescribeKey Decrypt");
    check(&under(json!({"BoolIfExists": {"kms:GrantIsForAWSResource": true}})), "all");
    check(&under(json!({"Bool": {"kms:GrantIsForAWSResource": "false"}})), NONE);
}

#[test]
fn what_cannot_be_known_here_is_unknown_and_refuses_nothing() {
    for condition in [
        json!({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}),
        json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        json!({"NumericLessThan": {"aws:MultiFactorAuthAge": "60"}}),
        json!({"StringEquals": {"aws:PrincipalTag/team": "dba"}}),
        json!({"StringEquals": {"kms:CallerAccount": "${aws:PrincipalAccount}"}}),
        json!({"ArnLike": {"aws:PrincipalArn": ROLE}}),
        json!({"Null": {"aws:PrincipalTag/team": "false"}}),
        json!({"Surprise": {"kms:CallerAccount": TARGET}}),
    ] {
        check(&under(condition.clone()), UNKNOWN);
        let deny = json!({"Principal": "*", "Action": "kms:Decrypt", "Condition": condition});
        check(&but(deny), "?Decrypt");
    }
    // A certain refusal wins over an unknown one.
    let condition = json!({"StringEquals": {"aws:PrincipalOrgID": "o-1", "kms:CallerAccount": "1"}});
    check(&under(condition), NONE);
}

#[test]
fn a_denial_wins_and_is_named() {
    let deny =
        |principal: Value, action: &str| json!({"Sid": "No", "Principal": principal, "Action": action});
    check(&but(deny(json!("*"), "kms:CreateGrant")), "CreateGrant by No");
    check(&but(deny(json!({"AWS": TARGET}), "kms:*")), "DescribeKey by No CreateGrant by No Decrypt by No");
    check(&but(deny(json!({"AWS": "arn:aws:iam::222222222222:root"}), "kms:De*t")), "Decrypt by No");
    check(&but(json!({"Principal": "*", "Action": "kms:Decrypt"})), "Decrypt by 2");
    check(&but(deny(json!({"AWS": "arn:aws:iam::333333333333:root"}), "kms:*")), "all");
    check(&but(deny(json!({"AWS": "arn:aws:iam::222222222222:role/other"}), "kms:*")), "all");
    check(&but(deny(json!({"AWS": ROLE}), "kms:Decrypt")), "?Decrypt");
    let in_account = |operator: &str, account: &str| {
        let condition = json!({operator: {"aws:PrincipalAccount": account}});
        but(json!({"Sid": "No", "Principal": "*", "NotAction": "kms:D*", "Condition": condition}))
    };
    check(&in_account("StringNotEquals", "111111111111"), "CreateGrant by No");
    check(&in_account("StringNotEquals", TARGET), "all");
    check(&in_account("StringEquals", TARGET), "CreateGrant by No");
    // On another key.
    let other = "arn:aws:kms:us-east-1:111111111111:key/other";
    check(&but(json!({"Principal": "*", "Action": "kms:*", "Resource": other})), "all");
    check(&but(json!({"Principal": "*", "Action": "kms:Decrypt", "NotResource": other})), "Decrypt by 2");
}

#[test]
fn an_exception_for_principals_is_decided_where_that_is_certain() {
    let not =
        |principal: Value| but(json!({"Sid": "No", "NotPrincipal": principal, "Action": "kms:Decrypt"}));
    check(&not(json!({"AWS": "arn:aws:iam::111111111111:root"})), "Decrypt by No");
    check(&not(json!({"AWS": "*"})), "all");
    check(&not(json!({"AWS": [TARGET, ROLE]})), "?Decrypt");
}

#[test]
fn the_policy_that_the_template_makes_is_accepted_in_every_partition() {
    for partition in ["aws", "aws-cn", "aws-us-gov"] {
        let role = format!("arn:{partition}:iam::*:role/snapferry-CopyAndReencrypt-*");
        let lets = |action: Value, condition: Value| {
            json!({"Effect": "Allow", "Principal": {"AWS": [TARGET]}, "Action": action, "Resource": "*",
                "Condition": condition})
        };
        let arn_like = json!({"aws:PrincipalArn": role});
        let via = json!({"kms:ViaService": "rds.*"});
        let policy = json!({"Statement": [
            lets(json!("kms:DescribeKey"), json!({"ArnLike": arn_like})),
            lets(json!(["kms:Decrypt", "kms:ReEncrypt*"]), json!({"ArnLike": arn_like, "StringLike": via})),
            lets(json!("kms:CreateGrant"), json!({
                "ArnLike": arn_like, "Bool": {"kms:GrantIsForAWSResource": "true"}, "StringLike": via,
            })),
        ]});
        let key = KEY.replacen("aws", partition, 1);
        assert_eq!(verdict(&policy, &key, TARGET), Verdict::default(), "{partition}");
        assert_eq!(verdict(&policy, &key, "333333333333").refused.len(), 3);
    }
}
