//! Reads what the input of an execution says of its run; sees only its arguments.

use crate::{Ended, EndedIn};
use jiff::Timestamp;
use replication::{Account, Reach, ReplicationName, RunId, SourceRetention, TargetRetention};
use serde::Deserialize;
use serde_json::{Value, json};

/// The input of an execution of a replication.
#[derive(Debug)]
pub enum Input {
    /// Of the source machine.
    Source(Box<SourceRun>),
    /// Of the target machine.
    Target(Box<TargetRun>),
    /// Of the rollback.
    Rollback(Rollback),
}

/// What is read of a source execution's input.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceRun {
    replication: ReplicationName,
    // Every source execution names one; another machine's input does not.
    #[serde(rename = "source")]
    _source: Value,
    #[serde(default)]
    retention: SourceRetention,
    #[serde(default)]
    run: Option<RunId>,
    #[serde(default)]
    scheduled_time: Option<String>,
}

/// What is read of a target execution's input.
#[derive(Debug, Deserialize)]
pub struct TargetRun {
    handoff: OfHandoff,
    #[serde(default)]
    settings: OfTarget,
}

#[derive(Debug, Deserialize)]
struct OfHandoff {
    replication: ReplicationName,
    #[serde(default)]
    run: Option<RunId>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OfTarget {
    retention: TargetRetention,
    reach: Option<Reach>,
    application_secret_arn: Option<String>,
}

/// What is read of a rollback's input.
#[derive(Debug, Deserialize)]
pub struct Rollback {
    replication: ReplicationName,
    #[serde(rename = "to")]
    _to: Value,
}

impl Input {
    /// Reads it; `None` when it is not the input of an execution of this account's machines.
    pub fn of(it: &EndedIn) -> Option<Self> {
        let input = it.execution.input.as_deref()?;
        match it.account {
            Account::Source => serde_json::from_str(input).ok().map(Self::Source),
            Account::Target => {
                let target = serde_json::from_str(input).ok().map(Self::Target);
                target.or_else(|| serde_json::from_str(input).ok().map(Self::Rollback))
            }
        }
    }

    /// The replication.
    pub fn replication(&self) -> &ReplicationName {
        match self {
            Self::Source(it) => &it.replication,
            Self::Target(it) => &it.handoff.replication,
            Self::Rollback(it) => &it.replication,
        }
    }

    /// The run to resume: as the input names it, else as `Snapshot` makes it.
    pub fn run(&self, ended: &Ended) -> Option<RunId> {
        match self {
            Self::Target(it) => it.handoff.run.clone(),
            Self::Rollback(_) => None,
            Self::Source(it) => match (&it.run, &it.scheduled_time) {
                (Some(run), _) => Some(run.clone()),
                (None, Some(tick)) => Some(RunId::scheduled(tick.parse().ok()?, &it.replication)),
                (None, None) => {
                    let started_at = Timestamp::from_millisecond(ended.start_date?).ok()?;
                    Some(RunId::started(started_at, &ended.execution_arn))
                }
            },
        }
    }
}

/// The request that `Prune` gets after a failure; `None` when the execution's input does not say what to prune, and
/// after a rollback, which deletes nothing.
pub fn prune_request(it: &EndedIn) -> Option<Value> {
    match Input::of(it)? {
        Input::Source(it) => {
            Some(json!({"source": {"replication": it.replication, "retention": it.retention}}))
        }
        Input::Target(it) => Some(json!({"target": {
            "replication": it.handoff.replication,
            "retention": it.settings.retention,
            "reach": it.settings.reach,
            "applicationSecretArn": it.settings.application_secret_arn?,
        }})),
        Input::Rollback(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(account: Account, input: Value) -> EndedIn {
        let execution = json!({
            "executionArn": "arn:aws:states:us-east-1:1:execution:m:e", "name": "e", "status": "FAILED",
            "input": input.to_string(),
        });
        EndedIn { account, execution: serde_json::from_value(execution).unwrap() }
    }

    // P0-2: pruning only after success fills the quotas.
    #[test]
    fn the_input_says_what_to_prune() {
        let check = |account: Account, input: Value, expected: Option<Value>| {
            assert_eq!(prune_request(&ended(account, input.clone())), expected, "{account:?} {input}");
        };
        let source = json!({"replication": "orders", "source": {}, "retention": {"runs": 5}});
        check(
            Account::Source,
            source.clone(),
            Some(json!({"source": {"replication": "orders", "retention": {"runs": 5, "minAgeHours": 72}}})),
        );
        let settings = json!({"retention": {"copies": 1}, "applicationSecretArn": "secret"});
        check(
            Account::Target,
            json!({"handoff": {"replication": "orders"}, "settings": settings}),
            Some(json!({"target": {
                "replication": "orders",
                "retention": {"copies": 1, "cutoverGraceHours": 24, "failedCopyHours": 72}, "reach": null,
                "applicationSecretArn": "secret",
            }})),
        );
        // Without the application's secret nobody knows the live copy.
        check(Account::Target, json!({"handoff": {"replication": "orders"}, "settings": {}}), None);
        check(Account::Target, json!({"replication": "orders", "to": "previous"}), None);
        for account in [Account::Source, Account::Target] {
            check(account, json!({"anything": "else"}), None);
            check(account, json!({"replication": "orders"}), None);
        }
        check(Account::Target, source, None);
    }
}
