//! The conditions of a statement.

use super::answer::Answer;
use super::call::{Call, Known};
use super::list::list;
use super::pattern::{arn_like, equal, like};
use serde_json::Value;

/// Whether a call meets all conditions of a `Condition` element.
pub fn met(condition: &Value, call: &Call<'_>) -> Answer {
    let operators = condition.as_object().into_iter().flatten();
    let conditions = operators.flat_map(|(operator, keys)| {
        keys.as_object().into_iter().flatten().map(move |(key, values)| is_met(operator, key, values, call))
    });
    conditions.fold(Answer::Yes, Answer::and)
}

fn is_met(operator: &str, key: &str, values: &Value, call: &Call<'_>) -> Answer {
    // Every key that is known here has one value.
    let (quantifier, operator) = operator.split_once(':').unwrap_or(("", operator));
    let (operator, if_exists) = match operator.strip_suffix("IfExists") {
        Some(operator) => (operator, true),
        None => (operator, false),
    };
    let known = call.value(key);
    if operator == "Null" {
        return match known {
            Known::Unknown => Answer::Unknown,
            Known::Absent => any(values, |it| it.eq_ignore_ascii_case("true").into()),
            Known::Text(_) => any(values, |it| it.eq_ignore_ascii_case("false").into()),
        };
    }
    let (positive, negated) = match operator.split_once("Not") {
        Some((kind, rest)) => (format!("{kind}{rest}"), true),
        None => (operator.to_owned(), false),
    };
    let compare: fn(&str, &str) -> Answer = match positive.as_str() {
        "StringEquals" => equal,
        "StringEqualsIgnoreCase" | "Bool" => {
            |wanted, text| equal(&wanted.to_ascii_lowercase(), &text.to_ascii_lowercase())
        }
        "StringLike" => like,
        // "ArnEquals and ArnLike behave identically."
        "ArnEquals" | "ArnLike" => arn_like,
        // Of numbers, dates, addresses and bytes no key is known here.
        _ => return Answer::Unknown,
    };
    match known {
        Known::Unknown => Answer::Unknown,
        Known::Absent if if_exists || quantifier == "ForAllValues" => Answer::Yes,
        Known::Absent => (negated && quantifier.is_empty()).into(),
        Known::Text(text) => {
            // The value of a policy variable, such as ${aws:PrincipalAccount}, is not looked up.
            let equals =
                any(values, |it| if it.contains("${") { Answer::Unknown } else { compare(it, &text) });
            if negated { equals.not() } else { equals }
        }
    }
}

/// Whether one of the values matches. Booleans and numbers may stand without quotation marks.
fn any(values: &Value, matches: impl Fn(&str) -> Answer) -> Answer {
    let texts = list(values).map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
    texts.map(|it| matches(&it)).fold(Answer::No, Answer::or)
}
