//! Policies, and their common decision on one call.

use serde_json::Value;

use super::{
    condition::{Condition, texts},
    context::Context,
    pattern::{arn_matches, matches},
};

/// A policy of a role or of a key.
#[derive(Debug, Clone)]
pub struct Policy {
    statements: Vec<Statement>,
}

#[derive(Debug, Clone)]
struct Statement {
    /// Its Sid, else the policy's name.
    name: String,
    allows: bool,
    principal: Principal,
    actions: Named,
    /// None in a trust policy.
    resources: Option<Named>,
    conditions: Vec<Condition>,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone)]
struct Named {
    patterns: Vec<String>,
    inverted: bool,
}

/// Whom a statement is about. Services and federated principals never call here.
#[derive(Debug, Clone)]
enum Principal {
    /// An identity's own policy.
    Bearer,
    /// Account numbers, ARNs or `*`.
    Aws(Vec<String>),
    NotAws(Vec<String>),
}

/// Who calls, as policies name principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account_id: String,
    /// The role's ARN; the root user's for root.
    pub arn: String,
    /// The ARN by which errors name the caller: the session's, or the root user's.
    pub session_arn: String,
}

/// One question.
pub struct Ask<'a> {
    /// `rds:CopyDBSnapshot`.
    pub action: &'a str,
    /// The true ARN, or `…:snapshot:*` for a list, or `*`.
    pub resource: &'a str,
    /// The condition keys.
    pub context: &'a Context,
}

/// What the statements that apply to a call say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// The statements that allow it.
    pub allowed_by: Vec<String>,
    /// The statements that allow it, if the caller's own policies do too: they name only the caller's account.
    pub delegated_by: Vec<String>,
    /// A statement that denies it. No other statement outweighs it.
    pub denied_by: Option<String>,
}

impl Decision {
    /// Allowed, and not denied.
    pub fn is_allowed(&self) -> bool {
        self.denied_by.is_none() && !self.allowed_by.is_empty()
    }
}

enum Reach {
    No,
    /// The caller's account is named: the account's own policies choose among its principals.
    Account,
    Principal,
}

impl Policy {
    /// Takes a policy's document apart. `name` stands for statements without a Sid.
    pub fn parse(name: &str, document: &str) -> anyhow::Result<Self> {
        let document: Value = serde_json::from_str(document)?;
        let statements = match &document["Statement"] {
            Value::Array(statements) => statements.iter().map(|it| Statement::of(name, it)).collect(),
            one @ Value::Object(_) => vec![Statement::of(name, one)],
            _ => vec![],
        };
        Ok(Self { statements })
    }
}

/// What all these policies together say.
pub fn decide<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
    caller: &Caller,
    ask: &Ask<'_>,
) -> Decision {
    let mut decision = Decision::default();
    for statement in policies.into_iter().flat_map(|policy| &policy.statements) {
        let reach = statement.principal.reach(caller);
        if matches!(reach, Reach::No) || !statement.applies(ask) {
            continue;
        }
        let name = statement.name.clone();
        match (statement.allows, reach) {
            (false, _) => decision.denied_by = decision.denied_by.or(Some(name)),
            (true, Reach::Account) => decision.delegated_by.push(name),
            (true, _) => decision.allowed_by.push(name),
        }
    }
    decision
}

impl Statement {
    fn of(policy: &str, it: &Value) -> Self {
        let named = |name: &str| {
            let inverted = !it[format!("Not{name}")].is_null();
            let key = if inverted { format!("Not{name}") } else { name.to_owned() };
            (!it[&key].is_null()).then(|| Named { patterns: texts(&it[&key]), inverted })
        };
        let aws = |value: &Value| match value {
            Value::String(text) => vec![text.clone()],
            other => texts(&other["AWS"]),
        };
        Self {
            name: it["Sid"].as_str().unwrap_or(policy).to_owned(),
            allows: it["Effect"] == "Allow",
            principal: match (&it["Principal"], &it["NotPrincipal"]) {
                (Value::Null, Value::Null) => Principal::Bearer,
                (Value::Null, not) => Principal::NotAws(aws(not)),
                (principal, _) => Principal::Aws(aws(principal)),
            },
            actions: named("Action").unwrap_or(Named { patterns: vec![], inverted: false }),
            resources: named("Resource"),
            conditions: Condition::parse(&it["Condition"]),
        }
    }

    fn applies(&self, ask: &Ask<'_>) -> bool {
        let action = ask.action.to_lowercase();
        let acts = self.actions.patterns.iter().any(|pattern| matches(&pattern.to_lowercase(), &action));
        let on = |named: &Named| {
            let patterns = named.patterns.iter().filter_map(|pattern| ask.context.resolve(pattern));
            let hit = patterns.into_iter().any(|pattern| match ask.resource {
                "*" => pattern == "*",
                arn => arn_matches(&pattern, arn),
            });
            hit != named.inverted
        };
        acts != self.actions.inverted
            && self.resources.as_ref().is_none_or(on)
            && self.conditions.iter().all(|it| it.is_met(ask.context))
    }
}

impl Principal {
    fn reach(&self, caller: &Caller) -> Reach {
        let is_principal = |it: &String| *it == "*" || *it == caller.arn || *it == caller.session_arn;
        let is_account = |it: &String| {
            *it == caller.account_id
                || (it.starts_with("arn:") && it.ends_with(&format!(":iam::{}:root", caller.account_id)))
        };
        match self {
            Self::Bearer => Reach::Principal,
            Self::Aws(named) if named.iter().any(is_principal) => Reach::Principal,
            Self::Aws(named) if named.iter().any(is_account) => Reach::Account,
            Self::Aws(_) => Reach::No,
            Self::NotAws(named) if named.iter().any(|it| is_principal(it) || is_account(it)) => Reach::No,
            Self::NotAws(_) => Reach::Principal,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ROLE: &str = "arn:aws:iam::222222222222:role/CopyRole";

    fn check(statements: Value, action: &str, resource: &str) -> Decision {
        let policy = Policy::parse("P", &json!({ "Statement": statements }).to_string()).unwrap();
        let caller = Caller {
            account_id: "222222222222".into(),
            arn: ROLE.into(),
            session_arn: "arn:aws:sts::222222222222:assumed-role/CopyRole/copy".into(),
        };
        decide([&policy], &caller, &Ask { action, resource, context: &Context::default() })
    }

    #[test]
    fn deny_wins_and_nothing_said_is_no() {
        let resource = "arn:aws:rds:eu-central-1:222222222222:db:orders";
        let allow = json!({ "Sid": "A", "Effect": "Allow", "Action": "RDS:describe*", "Resource": "*" });
        let deny =
            json!({ "Effect": "Deny", "NotAction": "rds:Other", "Resource": "arn:*:rds:*:*:db:orders" });
        assert!(check(allow.clone(), "rds:DescribeDBInstances", resource).is_allowed());
        assert!(!check(allow.clone(), "rds:DeleteDBInstance", resource).is_allowed());
        let denied = check(json!([allow, deny]), "rds:DescribeDBInstances", resource);
        assert_eq!((denied.is_allowed(), denied.denied_by.as_deref()), (false, Some("P")));
        let elsewhere = json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:rds:*:*:db:other" });
        assert!(!check(elsewhere.clone(), "rds:DescribeDBInstances", resource).is_allowed());
        assert!(!check(elsewhere, "kms:CreateKey", "*").is_allowed(), "no ARN allows what has no resource");
    }

    #[test]
    fn a_named_account_leaves_the_choice_to_that_account() {
        let of = |principal: Value| {
            let allow =
                json!({ "Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*" });
            check(allow, "kms:DescribeKey", "arn:aws:kms:eu-central-1:111111111111:key/k")
        };
        for named in [json!("222222222222"), json!(["1", "arn:aws:iam::222222222222:root"])] {
            let decision = of(json!({ "AWS": named }));
            assert_eq!((decision.delegated_by.len(), decision.allowed_by.len()), (1, 0), "{named}");
        }
        for named in [json!({ "AWS": ROLE }), json!({ "AWS": "*" }), json!("*")] {
            assert!(of(named.clone()).is_allowed(), "{named}");
        }
        for named in [json!({ "AWS": "111111111111" }), json!({ "Service": "rds.amazonaws.com" })] {
            assert_eq!(of(named.clone()), Decision::default(), "{named}");
        }
    }
}
