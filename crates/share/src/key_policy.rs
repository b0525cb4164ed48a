//! Reads whether a key's policy lets another account copy a snapshot under it; sees only its arguments.

use serde_json::Value;

/// What the target account needs of the snapshot's key to copy it, at the least.
///
/// Source: RDS User Guide, "Sharing encrypted snapshots"; a policy without kms:CreateGrant is what RDS reports as "the
/// source snapshot KMS key is not accessible" (github.com/awslabs/aurora-snapshot-tool#29).
const NEEDED: [&str; 3] = ["kms:DescribeKey", "kms:CreateGrant", "kms:Decrypt"];

/// The actions that no statement of the policy could allow to anybody in the account.
///
/// Conditions are not evaluated: they depend on who asks. So an empty answer does not prove that the copy works. An
/// action in it proves that no policy lets it work; a KMS grant to the account could, but RDS needs the policy too when
/// it makes grants of its own.
pub fn missing_actions(policy: &Value, account: &str) -> Vec<&'static str> {
    let statements = list(&policy["Statement"]);
    let concerning: Vec<_> = statements
        .filter(|it| it["Effect"] == "Allow" && may_be_in_account(&it["Principal"], account))
        .collect();
    let allowed = |action: &str| concerning.iter().any(|it| covers(it, action));
    NEEDED.into_iter().filter(|action| !allowed(action)).collect()
}

/// A policy writes one item without its list.
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// `"*"`, `{"AWS": "*"}`, the account's number, or an ARN in the account.
fn may_be_in_account(principal: &Value, account: &str) -> bool {
    let in_account = |it: &Value| {
        let Some(text) = it.as_str() else { return false };
        text == "*" || text == account || text.split(':').nth(4) == Some(account)
    };
    in_account(principal) || list(&principal["AWS"]).any(in_account)
}

fn covers(statement: &Value, action: &str) -> bool {
    if !statement["NotAction"].is_null() {
        return !list(&statement["NotAction"]).filter_map(Value::as_str).any(|it| matches(it, action));
    }
    list(&statement["Action"]).filter_map(Value::as_str).any(|it| matches(it, action))
}

/// An action with `*` only at its end, which is how policies write them, against one without.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    pattern.strip_suffix('*').map_or(pattern == action, |start| action.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_action_that_nobody_in_the_account_is_allowed_is_missing() {
        let check = |statements: Value, expected: &[&str]| {
            assert_eq!(
                missing_actions(&json!({ "Statement": statements }), "222222222222"),
                expected,
                "{statements}"
            );
        };
        let allow = |principal: &str, action: Value| json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action});
        let all = &NEEDED;
        check(json!([]), all);
        check(allow("arn:aws:iam::222222222222:root", json!("kms:*")), &[]);
        check(allow("222222222222", json!("*")), &[]);
        check(
            allow("arn:aws:iam::222222222222:role/copier", json!(["kms:DescribeKey", "kms:Decrypt"])),
            &["kms:CreateGrant"],
        );
        check(allow("arn:aws:iam::333333333333:root", json!("kms:*")), all);
        check(json!([allow("*", json!("kms:De*")), allow("222222222222", json!("kms:creategrant"))]), &[]);
        check(json!([{"Effect": "Deny", "Principal": "*", "Action": "kms:*"}]), all);
        check(json!([{"Effect": "Allow", "Principal": "*", "NotAction": "kms:Delete*"}]), &[]);
    }
}
