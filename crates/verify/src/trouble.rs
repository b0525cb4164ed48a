//! Decides what it leads to that a database could not be asked; sees only its arguments.

use crate::Error;
use step::{Deadline, Look, Waiting};

/// How long a database may refuse connections before that is a failure: DNS, start-up and a late reboot pass by then.
const PATIENCE_SECONDS: u64 = 300;

/// Why the database could not be asked.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody answers, or it is too early: that may pass.
    NotReachable(String),
    /// The credentials are refused. RDS applies a password late, so that may pass too.
    LoginRefused {
        /// What the database says.
        reason: String,
        /// What to do if it does not pass.
        cure: String,
    },
    /// The login itself is at fault, such as a database that does not exist.
    LoginHopeless {
        /// What the database says.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// No more connections are taken: some may end soon.
    Full {
        /// What the database says.
        reason: String,
        /// What to do if none ends.
        cure: String,
    },
    /// The connection cannot be trusted.
    NotTrusted(String),
    /// The copy would act on production.
    NotStopped {
        /// What acts by itself.
        what: String,
        /// What the database says.
        reason: String,
        /// What to do.
        cure: String,
    },
    /// Another failure.
    Failed(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What is verified, in words: `DB instance orders-…`, and the secret that is logged in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The database.
    pub database: String,
    /// The security groups that it has now: their identifiers, or the settings that name them.
    pub groups: String,
    /// The secret.
    pub secret: String,
}

/// The security groups of a database whose settings only say which ones it may have.
pub(crate) const GROUPS: &str = "quarantineSecurityGroupIds, else vpcSecurityGroupIds";

/// Whether to look again.
pub fn after(
    trouble: Trouble,
    subject: Subject,
    waiting: &Waiting,
    deadline: Deadline,
) -> Result<Look, Error> {
    let Subject { database, groups, secret } = subject;
    match trouble {
        Trouble::NotReachable(reason) if waiting.seconds >= PATIENCE_SECONDS => {
            Err(Error::DatabaseNotReachable { database, groups, reason, seconds: waiting.seconds })
        }
        Trouble::NotReachable(reason) => Ok(waiting.wait("not reachable", None, deadline, reason)?),
        Trouble::LoginRefused { reason, cure } => {
            let look = waiting.refused(deadline, reason.clone())?;
            look.ok_or(Error::LoginRefused { database, secret, reason, cure })
        }
        Trouble::Full { reason, .. } if waiting.seconds < PATIENCE_SECONDS => {
            Ok(waiting.wait("full", None, deadline, reason)?)
        }
        Trouble::LoginHopeless { reason, cure } | Trouble::Full { reason, cure } => {
            Err(Error::LoginRefused { database, secret, reason, cure })
        }
        Trouble::NotTrusted(problem) => Err(Error::TlsNotTrusted { database, problem }),
        Trouble::NotStopped { what, reason, cure } => Err(Error::ActivityNotStopped { what, reason, cure }),
        Trouble::Failed(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // P1-14: the password step cannot know that it acted.
    #[test]
    fn what_may_pass_is_waited_for_but_not_for_ever() {
        let copy = || Subject {
            database: "DB instance orders".to_owned(),
            groups: GROUPS.to_owned(),
            secret: "snapferry/orders".to_owned(),
        };
        let check = |trouble: Trouble, seconds: u64, status: &str, expected: &str| {
            let waiting = Waiting { seconds, status: Some(status.to_owned()), ..Waiting::default() };
            let got = match after(trouble, copy(), &waiting, Deadline::constant::<86_400>()) {
                Ok(look) => format!("wait {}", look.wait_seconds),
                Err(error) => error.name().to_string(),
            };
            assert_eq!(got, expected, "{seconds} s, {status}");
        };
        let unreachable = || Trouble::NotReachable("connection refused".to_owned());
        let (reason, cure) = ("28P01".to_owned(), "grant".to_owned());
        let refused = || Trouble::LoginRefused { reason: reason.clone(), cure: cure.clone() };
        let full = || Trouble::Full { reason: reason.clone(), cure: cure.clone() };
        let hopeless = || Trouble::LoginHopeless { reason: reason.clone(), cure: cure.clone() };
        check(unreachable(), 0, "", "wait 15");
        check(unreachable(), 285, "not reachable", "wait 15");
        check(unreachable(), 300, "not reachable", "Snapferry.DatabaseNotReachable");
        check(refused(), 0, "", "wait 150");
        check(refused(), 150, "refused", "wait 150");
        check(refused(), 300, "refused twice", "Snapferry.LoginRefused");
        check(hopeless(), 0, "", "Snapferry.LoginRefused");
        check(full(), 0, "", "wait 15");
        check(full(), 300, "full", "Snapferry.LoginRefused");
        check(Trouble::NotTrusted("UnknownIssuer".to_owned()), 0, "", "Snapferry.TlsNotTrusted");
        check(
            Trouble::Failed(Error::EngineWithoutClient("db2-se".to_owned())),
            0,
            "",
            "Snapferry.EngineWithoutClient",
        );
        let looks = (0..)
            .try_fold(Waiting::default(), |waiting, looks| {
                match after(unreachable(), copy(), &waiting, Deadline::constant::<86_400>()) {
                    Ok(look) => Ok(look.waiting),
                    Err(_) => Err(looks),
                }
            })
            .unwrap_err();
        assert_eq!(looks, 20);
    }
}
