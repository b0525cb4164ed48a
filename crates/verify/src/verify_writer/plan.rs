//! Decides what trouble with a new primary means; sees only its arguments.

use crate::Error;
use crate::trouble::Trouble;
use login::LoginFailed;
use step::{Deadline, Look, Waiting};

/// What is proven, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The host and the port.
    pub place: String,
    /// The secret that is logged in with.
    pub secret: String,
}

/// Whether to look again. A new primary restarts, so it is waited for until the deadline.
pub fn with_trouble(
    trouble: Trouble,
    subject: Subject,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Look, Error> {
    let Subject { place, secret } = subject;
    match trouble {
        Trouble::NotReachable(reason) | Trouble::Full { reason, .. } => {
            let failed = LoginFailed::NotReachable { place, reason };
            Ok(waiting.look_at_once("not reachable", deadline, failed.to_string())?)
        }
        Trouble::NotTrusted(problem) => Err(LoginFailed::NotTrusted { place, problem }.into()),
        Trouble::LoginRefused { reason, .. } | Trouble::LoginHopeless { reason, .. } => {
            Err(LoginFailed::Refused { place, secret, reason }.into())
        }
        Trouble::NotStopped { what, reason, .. } => Err(Error::WriteRefused(format!("{what}: {reason}"))),
        Trouble::Failed(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_primary_is_waited_for_and_a_refusal_is_not() {
        let check = |trouble: Trouble, seconds: u64, expected: &str| {
            let subject = Subject { place: "db:5432".to_owned(), secret: "shop/master".to_owned() };
            let waiting = Waiting { seconds, ..Waiting::default() };
            let got = match with_trouble(trouble, subject, &waiting, Deadline::constant::<900>()) {
                Ok(look) => format!("wait {}", look.wait_seconds),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected);
        };
        let (reason, cure) = (|| "28P01".to_owned(), || "…".to_owned());
        check(Trouble::NotReachable(reason()), 0, "wait 1");
        check(Trouble::NotReachable(reason()), 900, "Snapferry.StageTimedOut");
        check(Trouble::Full { reason: reason(), cure: cure() }, 0, "wait 1");
        check(Trouble::NotTrusted(reason()), 0, "Snapferry.TlsNotTrusted");
        check(Trouble::LoginRefused { reason: reason(), cure: cure() }, 0, "Snapferry.LoginRefused");
        check(Trouble::LoginHopeless { reason: reason(), cure: cure() }, 0, "Snapferry.LoginRefused");
        check(Error::WriteRefused(reason()).into(), 0, "Snapferry.WriteRefused");
    }
}
