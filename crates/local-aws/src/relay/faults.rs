//! Faults of calls: a call of any service goes wrong on request. It is throttled, refused or slow, its connection
//! closes, or its caller is killed.

use serde::{Deserialize, Serialize};

use super::record::Call;
use crate::{iam::pattern, planned::Planned};

/// Which calls go wrong, and how. Texts are patterns: `*` stands for any text.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallFault {
    /// Account and principal, as the record shows them: `222222222222/*RestoreRole*`.
    #[serde(default = "anything")]
    pub who: String,
    /// The signing name: `rds`, `kms`, `secretsmanager`, `states`, …
    pub service: String,
    /// The operation, as the record shows it.
    #[serde(default = "anything")]
    pub operation: String,
    /// What the call is about, as the record shows it.
    #[serde(default = "anything")]
    pub resource: String,
    /// The first of the matching calls from now on that goes wrong: 1 is the next one.
    #[serde(default = "once")]
    pub nth: u32,
    /// How many of them, one after another.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens to it.
    pub how: How,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum How {
    /// Refused for its rate, in the service's words. It has no effect.
    Throttled,
    /// Answered with HTTP 500. It has no effect.
    ServerError,
    /// Refused as IAM does. It has no effect.
    AccessDenied,
    /// Refused with an error of the service's choice, such as `InsufficientDBInstanceCapacity`. It has no effect.
    Refused {
        /// The wire code.
        code: String,
        /// The message.
        message: String,
        /// The HTTP status.
        status: u16,
    },
    /// The connection closes without an answer. It has no effect.
    ConnectionClosedBefore,
    /// It has its effect, then the connection closes without an answer.
    ConnectionClosedAfter,
    /// It has its effect, then the process that made it is killed. Only for calls of functions.
    CallerKilled,
    /// It has its effect at once, and is answered late.
    Slow {
        /// How late, in real time.
        milliseconds: u64,
    },
}

fn anything() -> String {
    "*".to_owned()
}

fn once() -> u32 {
    1
}

/// The faults still to come.
pub type Faults = Planned<CallFault>;

impl Faults {
    /// The fault that this call meets, if any. Every fault that matches the call counts it.
    pub fn next(&self, call: &Call) -> Option<How> {
        let mut pending = self.lock();
        let mut happens = None;
        for fault in pending.iter_mut().filter(|fault| fault.matches(call)) {
            if fault.nth > 1 {
                fault.nth -= 1;
            } else if happens.is_none() {
                fault.times = fault.times.saturating_sub(1);
                happens = Some(fault.how.clone());
            }
        }
        pending.retain(|fault| fault.times > 0);
        happens
    }
}

impl CallFault {
    fn matches(&self, call: &Call) -> bool {
        pattern::matches(&self.who, &call.who)
            && pattern::matches(&self.service, &call.service)
            && pattern::matches(&self.operation, &call.operation)
            && pattern::matches(&self.resource, call.resource.as_deref().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_matching_call_goes_wrong_and_the_others_do_not() {
        let call = |operation: &str| Call {
            who: "1/Role".into(),
            service: "rds".into(),
            operation: operation.into(),
            ..Call::default()
        };
        let faults = Faults::default();
        let fault =
            r#"{"who":"1/*","service":"rds","operation":"Copy*","nth":2,"times":2,"how":"throttled"}"#;
        faults.add(serde_json::from_str(fault).unwrap());
        let seen: Vec<bool> = ["CopyX", "Other", "CopyX", "CopyX", "CopyX"]
            .map(|operation| faults.next(&call(operation)).is_some())
            .to_vec();
        assert_eq!(seen, [false, false, true, true, false]);
        assert!(faults.pending().is_empty());
    }
}
