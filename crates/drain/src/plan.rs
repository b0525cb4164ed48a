//! Decides whether a replica has all that the old primary wrote; sees only its arguments.

use crate::Error;
use crate::replayed::Replayed;
use failover::Lsn;
use login::LoginFailed;
use step::{Deadline, Look, Waiting};

/// Decides on what the server of the replica says.
pub fn plan(replayed: &Replayed, up_to: Lsn, waiting: &Waiting, deadline: Deadline) -> Result<Look, Error> {
    if replayed.is_primary {
        return Ok(waiting.done("primary", "the server takes writes itself: nothing is left to drain"));
    }
    let position = replayed.position.clone().unwrap_or_else(|| "0/0".to_owned());
    let position = Lsn::try_from(position.clone()).map_err(|_| Error::NoPosition(position))?;
    let missing = position.missing_to(up_to);
    if missing == 0 {
        return Ok(waiting.done("drained", format!("the replica has all up to {up_to}")));
    }
    let paused = if replayed.is_paused { ", and its replay is paused" } else { "" };
    let reason = format!("the replica lacks {missing} bytes up to {up_to}{paused}");
    Ok(waiting.look_at_once("draining", deadline, reason)?)
}

/// Decides when nobody could ask. A server that is not there comes back, or the deadline ends the failover.
pub fn after_failure(failed: LoginFailed, waiting: &Waiting, deadline: Deadline) -> Result<Look, Error> {
    match failed {
        LoginFailed::NotReachable { .. } => {
            Ok(waiting.wait("not reachable", None, deadline, failed.to_string())?)
        }
        failed => Err(failed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lsn(text: &str) -> Lsn {
        Lsn::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_replica_is_drained_at_the_old_primarys_last_position_and_not_before() {
        let check = |is_primary, position: Option<&str>, is_paused, expected: &str| {
            let replayed = Replayed { is_primary, position: position.map(str::to_owned), is_paused };
            let looked = plan(&replayed, lsn("1/20"), &Waiting::default(), Deadline::constant::<900>());
            let got = match looked {
                Ok(look) => format!("done={}: {}", look.done, look.reason),
                Err(error) => error.name().to_string(),
            };
            assert!(got.contains(expected), "{replayed:?}: {got}");
        };
        check(false, Some("1/20"), false, "done=true: the replica has all up to 1/20");
        check(false, Some("2/0"), false, "done=true");
        check(false, Some("1/1F"), false, "done=false: the replica lacks 1 bytes up to 1/20");
        check(false, Some("0/FFFFFFFF"), true, "lacks 33 bytes up to 1/20, and its replay is paused");
        check(false, None, false, "done=false");
        check(true, None, false, "done=true: the server takes writes itself");
        check(false, Some("soon"), false, "Snapferry.ReplicationBroken");
    }

    #[test]
    fn the_replica_is_waited_for_until_the_deadline_and_a_refused_login_is_not() {
        let place = "db:5432".to_owned();
        let away = || LoginFailed::NotReachable { place: place.clone(), reason: "refused".to_owned() };
        let at = |seconds| Waiting { seconds, ..Waiting::default() };
        let deadline = Deadline::constant::<900>();
        assert!(!after_failure(away(), &at(0), deadline).unwrap().done);
        let late = after_failure(away(), &at(900), deadline).unwrap_err();
        assert_eq!(late.name().as_str(), "Snapferry.StageTimedOut");
        let secret = LoginFailed::SecretNotFound("shop/master".to_owned());
        let failed = after_failure(secret, &at(0), deadline).unwrap_err();
        assert_eq!(failed.name().as_str(), "Snapferry.SecretNotFound");
        let behind = Replayed { is_primary: false, position: None, is_paused: false };
        let late = plan(&behind, lsn("0/1"), &at(900), deadline).unwrap_err();
        assert_eq!(late.name().as_str(), "Snapferry.StageTimedOut");
    }
}
