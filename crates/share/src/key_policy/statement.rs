//! Whether a statement of a key policy is about a call.

use super::answer::Answer;
use super::call::Call;
use super::condition::met;
use super::list::list;
use super::pattern::like;
use serde_json::Value;

/// Whether the statement is about the call: who, what, on which key, and under which conditions.
pub fn applies(statement: &Value, call: &Call<'_>) -> Answer {
    let action = || {
        let matches = |it: &str| like(&it.to_ascii_lowercase(), &call.action.to_ascii_lowercase());
        named(statement, "Action", matches)
    };
    // In a key policy `*` is the key itself.
    let resource = || match (&statement["Resource"], &statement["NotResource"]) {
        (Value::Null, Value::Null) => Answer::Yes,
        _ => named(statement, "Resource", |it| like(it, call.key_arn)),
    };
    principal(statement, call).and(action()).and(resource()).and(met(&statement["Condition"], call))
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
fn named(statement: &Value, element: &str, matches: impl Fn(&str) -> Answer) -> Answer {
    let any =
        |value: &Value| list(value).filter_map(Value::as_str).map(&matches).fold(Answer::No, Answer::or);
    match &statement[format!("Not{element}")] {
        Value::Null => any(&statement[element]),
        excepted => any(excepted).not(),
    }
}

/// `"*"`, `{"AWS": "*"}`, the account, or the role itself. The policy of a key takes no pattern in a principal.
fn principal(statement: &Value, call: &Call<'_>) -> Answer {
    let of = |principal: &Value| {
        let sessions = call.role.replacen(":iam:", ":sts:", 1).replacen(":role/", ":assumed-role/", 1);
        let is_role = |it: &str| match it.contains('*') {
            true => (it == "*").into(),
            false => like(it, &call.role).or(like(it, &sessions)),
        };
        let names = list(principal).chain(list(&principal["AWS"])).filter_map(Value::as_str);
        names
            .map(|it| if is_account(it, call) { Answer::Yes } else { is_role(it) })
            .fold(Answer::No, Answer::or)
    };
    match &statement["NotPrincipal"] {
        Value::Null => of(&statement["Principal"]),
        // An exception must name the account and the role, and the session too: IAM decides by the whole list.
        excepted => match of(excepted) {
            Answer::No => Answer::Yes,
            _ if everybody(excepted) => Answer::No,
            _ => Answer::Unknown,
        },
    }
}

/// The account's number, or the ARN of its root user: both stand for everybody in it whom its own policies allow.
fn is_account(principal: &str, call: &Call<'_>) -> bool {
    let of_root = principal.strip_prefix("arn:").and_then(|it| it.split_once(":iam::"));
    principal == call.account
        || of_root.is_some_and(|(_, rest)| rest.strip_suffix(":root") == Some(call.account))
}

fn everybody(principal: &Value) -> bool {
    list(principal).chain(list(&principal["AWS"])).any(|it| it == "*")
}
