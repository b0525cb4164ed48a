//! Reads, as IAM does, whether a key's policy lets the target account copy a snapshot under it; sees only its arguments.
//!
//! Source: IAM User Guide, "Policy evaluation logic"; KMS Developer Guide, "AWS KMS condition keys".

mod answer;
mod call;
mod condition;
mod list;
mod pattern;
mod statement;

use answer::Answer;
use call::Call;
use list::list;
use serde_json::Value;
use statement::applies;
use std::fmt;

/// What a policy says of the calls that copy a snapshot.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why it certainly refuses some of them, each with the action. Empty: it may allow all of them.
    pub refused: Vec<Refused>,
    /// The actions that depend on what only the target account knows.
    pub unknown: Vec<&'static str>,
}

/// An action that the policy refuses.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The action.
    pub action: &'static str,
    /// The statement that denies it: its Sid, or its number. Without one, no statement allows it.
    pub denied_by: Option<String>,
    /// Whether it is refused through RDS too, or only when the role itself asks.
    pub through_rds: bool,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.denied_by {
            Some(statement) => write!(out, "statement {statement} denies {}", self.action)?,
            None => write!(out, "no statement allows {}", self.action)?,
        }
        if self.through_rds { Ok(()) } else { out.write_str(" when the role asks without RDS") }
    }
}

/// The role that copies in the target account, as policies can name it: each Region has its own.
pub fn role(partition: &str, account: &str) -> String {
    format!("arn:{partition}:iam::{account}:role/snapferry-CopyAndReencrypt-*")
}

/// What the policy of a key says of the copy role of an account. Only certain refusals count as refused: a condition on
/// what cannot be known here, such as an organisation, makes an action unknown.
pub fn verdict(policy: &Value, key_arn: &str, account: &str) -> Verdict {
    let statements: Vec<&Value> = list(&policy["Statement"]).collect();
    let mut verdict = Verdict::default();
    for call in Call::all(key_arn, account) {
        let action = call.action;
        let of = |effect: &'static str| {
            let numbered = statements.iter().enumerate().filter(move |(_, it)| it["Effect"] == effect);
            numbered.map(|(index, it)| (index, *it, applies(it, &call)))
        };
        let denied = of("Deny").find(|(_, _, answer)| *answer == Answer::Yes);
        let may_be_denied = of("Deny").any(|(_, _, answer)| answer == Answer::Unknown);
        let allowed = of("Allow").map(|(_, _, answer)| answer).fold(Answer::No, Answer::or);
        let denied_by = denied
            .map(|(index, it, _)| it["Sid"].as_str().map_or_else(|| (index + 1).to_string(), str::to_owned));
        if denied_by.is_some() || allowed == Answer::No {
            // Calls through RDS come first.
            if verdict.refused.iter().all(|it| it.action != action) {
                verdict.refused.push(Refused { action, denied_by, through_rds: call.through_rds });
            }
        } else if (may_be_denied || allowed == Answer::Unknown) && !verdict.unknown.contains(&action) {
            verdict.unknown.push(action);
        }
    }
    verdict
}
