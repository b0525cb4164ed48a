//! The conditions of a statement.

use serde_json::Value;

use super::{
    context::Context,
    pattern::{arn_matches, matches},
};

/// One operator with one condition key and the values that it is compared with.
#[derive(Debug, Clone)]
pub struct Condition {
    operator: Operator,
    quantifier: Quantifier,
    if_exists: bool,
    key: String,
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Quantifier {
    None,
    ForAllValues,
    ForAnyValue,
}

#[derive(Debug, Clone, PartialEq)]
enum Operator {
    Compare {
        how: Compare,
        negated: bool,
    },
    Null,
    /// Not implemented, because no policy here uses it. It is never met, so an Allow with it allows nothing.
    Unknown(String),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Compare {
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
}

impl Condition {
    /// The conditions of a `Condition` element, all of which must be met.
    pub fn parse(element: &Value) -> Vec<Self> {
        let operators = element.as_object().into_iter().flatten();
        let conditions = operators.flat_map(|(name, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(|(key, values)| Self::of(name, key, values))
        });
        conditions.collect()
    }

    fn of(name: &str, key: &str, values: &Value) -> Self {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Quantifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Quantifier::ForAnyValue, rest),
            _ => (Quantifier::None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        use Compare::{Arn, Bool, Equals, EqualsIgnoreCase, Like};
        let compare = |how, negated| Operator::Compare { how, negated };
        let operator = match base {
            "StringEquals" => compare(Equals, false),
            "StringNotEquals" => compare(Equals, true),
            "StringEqualsIgnoreCase" => compare(EqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => compare(EqualsIgnoreCase, true),
            "StringLike" => compare(Like, false),
            "StringNotLike" => compare(Like, true),
            // "ArnEquals and ArnLike behave identically."
            "ArnEquals" | "ArnLike" => compare(Arn, false),
            "ArnNotEquals" | "ArnNotLike" => compare(Arn, true),
            "Bool" => compare(Bool, false),
            "Null" => Operator::Null,
            other => Operator::Unknown(other.to_owned()),
        };
        Self { operator, quantifier, if_exists, key: key.to_owned(), values: texts(values) }
    }

    /// Is it met by a call with this context?
    pub fn is_met(&self, context: &Context) -> bool {
        let present = context.get(&self.key);
        match &self.operator {
            Operator::Null => {
                self.values.iter().any(|value| value.eq_ignore_ascii_case("true") == present.is_none())
            }
            Operator::Unknown(name) => {
                tracing::warn!(
                    "the local AWS does not implement the condition operator {name}: it is taken as not met"
                );
                false
            }
            Operator::Compare { how, negated } => {
                let Some(given) = present else {
                    let all = self.quantifier == Quantifier::ForAllValues;
                    let negated = *negated && self.quantifier == Quantifier::None;
                    return self.if_exists || negated || all;
                };
                let equals = |value: &String| {
                    let wanted = self.values.iter().filter_map(|wanted| context.resolve(wanted));
                    wanted.into_iter().any(|wanted| how.equals(&wanted, value))
                };
                match self.quantifier {
                    Quantifier::ForAllValues => given.iter().all(|value| equals(value) != *negated),
                    Quantifier::ForAnyValue => given.iter().any(|value| equals(value) != *negated),
                    // One value by nature; several are taken as "any of them".
                    Quantifier::None => given.iter().any(equals) != *negated,
                }
            }
        }
    }
}

impl Compare {
    fn equals(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::Equals => wanted == value,
            Self::EqualsIgnoreCase | Self::Bool => wanted.eq_ignore_ascii_case(value),
            Self::Like => matches(wanted, value),
            Self::Arn => arn_matches(wanted, value),
        }
    }
}

/// A text or a list of texts; numbers and booleans are written as text too.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(_) | Value::Number(_) => vec![value.to_string()],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn met(element: Value, context: &Context) -> bool {
        Condition::parse(&element).iter().all(|it| it.is_met(context))
    }

    #[test]
    fn each_operator_decides_as_iam_documents_it() {
        let context = Context::default()
            .with("aws:RequestTag/made-by", "snapferry")
            .with("aws:PrincipalArn", "arn:aws:iam::1:role/snapferry-CopyAndReencrypt-eu")
            .with("kms:GrantIsForAWSResource", "true")
            .with("aws:PrincipalAccount", "1")
            .with_all("aws:TagKeys", ["snapferry:run".to_owned(), "team".to_owned()]);
        let role = "arn:aws:iam::*:role/snapferry-CopyAndReencrypt-*";
        for (element, expected) in [
            (json!({ "StringEquals": { "aws:RequestTag/made-by": "snapferry" } }), true),
            (json!({ "StringEquals": { "aws:RequestTag/made-by": ["x", "snapferry"] } }), true),
            (json!({ "StringEquals": { "aws:RequestTag/made-by": "Snapferry" } }), false),
            (json!({ "StringEquals": { "aws:RequestTag/made-by": "snap*" } }), false),
            (json!({ "StringEqualsIgnoreCase": { "aws:RequestTag/made-by": "Snapferry" } }), true),
            (json!({ "StringLike": { "aws:RequestTag/made-by": "snap*" } }), true),
            (json!({ "StringNotLike": { "aws:RequestTag/made-by": ["snap*", "x"] } }), false),
            (json!({ "StringNotEquals": { "absent": "x" } }), true),
            (json!({ "StringEquals": { "absent": "x" } }), false),
            (json!({ "StringEqualsIfExists": { "absent": "x" } }), true),
            (json!({ "StringEqualsIfExists": { "aws:RequestTag/made-by": "x" } }), false),
            (json!({ "ArnLike": { "aws:PrincipalArn": role } }), true),
            (json!({ "ArnEquals": { "aws:PrincipalArn": role } }), true),
            (json!({ "ArnLike": { "aws:PrincipalArn": "arn:aws:iam::*/snapferry*" } }), false),
            (json!({ "Bool": { "kms:GrantIsForAWSResource": "true" } }), true),
            (json!({ "Bool": { "kms:GrantIsForAWSResource": false } }), false),
            (json!({ "Bool": { "absent": "false" } }), false),
            (json!({ "Null": { "aws:RequestTag/made-by": "false" } }), true),
            (json!({ "Null": { "absent": "true" } }), true),
            (json!({ "Null": { "absent": "false" } }), false),
            (json!({ "ForAllValues:StringLike": { "aws:TagKeys": "snapferry:*" } }), false),
            (json!({ "ForAllValues:StringLike": { "aws:TagKeys": ["snapferry:*", "team"] } }), true),
            (json!({ "ForAllValues:StringLike": { "absent": "x" } }), true),
            (json!({ "ForAnyValue:StringLike": { "aws:TagKeys": "snapferry:*" } }), true),
            (json!({ "ForAnyValue:StringLike": { "absent": "x" } }), false),
            (json!({ "StringEquals": { "aws:PrincipalAccount": "${aws:PrincipalAccount}" } }), true),
            (json!({ "NumericEquals": { "aws:PrincipalAccount": "1" } }), false),
        ] {
            assert_eq!(met(element.clone(), &context), expected, "{element}");
        }
    }
}
