//! Decides how a target group follows a database whose address changes; sees only its arguments.

use crate::Error;
use crate::subnets::hold;
use std::collections::BTreeSet;
use step::{Deadline, Look, Waiting};
use target_group::{Health, TargetSeen};

/// What a look saw.
#[derive(Debug)]
pub struct Seen<'a> {
    /// The addresses that the database's name leads to.
    pub addresses: &'a BTreeSet<String>,
    /// The address ranges of the database's subnets.
    pub ranges: &'a [String],
    /// Every target of the group.
    pub targets: &'a [TargetSeen],
}

/// Which database is followed.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its identifier.
    pub identifier: &'a str,
    /// Its port.
    pub port: u16,
    /// How long the stage may wait.
    pub deadline: Deadline,
}

/// The one thing that a look does.
#[derive(Debug, PartialEq, Eq)]
pub enum Act {
    /// Register these addresses, then look again.
    Register(Vec<String>),
    /// Deregister these addresses, then look again.
    Deregister(Vec<String>),
    /// Nothing now, or nothing more.
    Answer(Look),
}

const SETTLED: &str = "settled";

/// A new address comes first. An old one goes once it was missing on two looks while a new one was healthy, so the group
/// is never emptied, whatever DNS says. Targets that others registered on another port are left.
pub fn plan(seen: &Seen<'_>, wanted: &Wanted<'_>, waiting: &Waiting) -> Result<Act, Error> {
    let identifier = wanted.identifier;
    let wait = |status: &str, reason: String| {
        Ok(Act::Answer(waiting.wait(status, None, wanted.deadline, reason)?))
    };
    if let Some(problem) = problem(seen) {
        let look =
            waiting.refused(wanted.deadline, format!("the name of DB instance {identifier} {problem}"))?;
        let identifier = identifier.to_owned();
        return look.map(Act::Answer).ok_or(Error::TargetAddressUnknown { identifier, problem });
    }
    let ours = || seen.targets.iter().filter(|it| it.port == wanted.port && it.health != Health::Draining);
    let is_there = |address: &&String| ours().any(|it| it.id == **address);
    let missing: Vec<String> = seen.addresses.iter().filter(|it| !is_there(it)).cloned().collect();
    if !missing.is_empty() {
        return Ok(Act::Register(missing));
    }
    let (current, old): (Vec<_>, Vec<_>) = ours().partition(|it| seen.addresses.contains(&it.id));
    if let Some(it) = current.iter().find(|it| it.health != Health::Healthy) {
        return wait(
            "not healthy yet",
            format!("DB instance {identifier} is not healthy at {it}: {}", it.reason),
        );
    }
    let old: Vec<String> = old.into_iter().map(|it| it.id.clone()).collect();
    let leaving = format!("{} lead to it no longer", old.join(", "));
    match old.is_empty() {
        true if waiting.saw(SETTLED) => {
            let reason = format!("DB instance {identifier} is healthy, and alone");
            Ok(Act::Answer(waiting.done(SETTLED, reason)))
        }
        true => wait(SETTLED, format!("DB instance {identifier} is healthy, and alone; looking once more")),
        false if waiting.saw(&leaving) => Ok(Act::Deregister(old)),
        false => wait(&leaving, format!("{leaving}; looking once more")),
    }
}

/// A stranger's address, or the load balancer's own, would lead applications astray.
fn problem(seen: &Seen<'_>) -> Option<String> {
    if seen.addresses.is_empty() {
        return Some("leads to no address".to_owned());
    }
    let stray = seen.addresses.iter().find(|it| !hold(seen.ranges, it))?;
    let ranges = seen.ranges.join(", ");
    Some(format!("leads to {stray}, which is in none of the subnets of its DB subnet group ({ranges})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn targets(text: &str) -> Vec<TargetSeen> {
        let target = |text: &str| {
            let (place, state) = text.split_once(' ').unwrap();
            let (last, port) = place.split_once(':').unwrap_or((place, "5432"));
            TargetSeen {
                id: format!("10.0.0.{last}"),
                port: port.parse().unwrap(),
                health: Health::of(state),
                reason: "Target.Timeout".to_owned(),
            }
        };
        text.split(", ").filter(|it| !it.is_empty()).map(target).collect()
    }

    fn decide(addresses: &[u32], targets: &[TargetSeen], waiting: &Waiting) -> Result<Act, Error> {
        let addresses = addresses.iter().map(|it| format!("10.0.0.{it}")).collect();
        let ranges = ["10.0.0.0/25".to_owned()];
        let seen = Seen { addresses: &addresses, ranges: &ranges, targets };
        let deadline = Deadline::constant::<3_600>();
        plan(&seen, &Wanted { identifier: "orders", port: 5432, deadline }, waiting)
    }

    #[track_caller]
    fn check(addresses: &[u32], seen: &str, last: &str, expected: &str) {
        let waiting = Waiting { looks: 1, status: Some(last.to_owned()), ..Waiting::default() };
        let last = |ids: Vec<String>| ids.join(" ").replace("10.0.0.", "");
        let got = match decide(addresses, &targets(seen), &waiting) {
            Ok(Act::Register(ids)) => format!("register {}", last(ids)),
            Ok(Act::Deregister(ids)) => format!("deregister {}", last(ids)),
            Ok(Act::Answer(look)) => format!("done={} {}", look.done, look.reason),
            Err(error) => error.to_string(),
        };
        assert!(got.contains(expected), "{addresses:?} {seen:?}: {got:?} lacks {expected:?}");
    }

    // Defects 1, 3, 4 and 7 of the sample that people use.
    #[test]
    fn a_new_address_comes_before_an_old_one_goes() {
        let leaving = "10.0.0.4 lead to it no longer";
        check(&[4], "", "", "register 4");
        check(&[5], "4 healthy", "", "register 5");
        check(
            &[5],
            "4 unhealthy, 5 initial",
            "",
            "done=false DB instance orders is not healthy at 10.0.0.5:5432",
        );
        check(&[5], "4 unhealthy, 5 healthy", "", "looking once more");
        check(&[5], "4 unhealthy, 5 healthy", leaving, "deregister 4");
        check(&[5], "4 draining, 5 healthy", SETTLED, "done=true");
        check(&[5], "5 healthy", leaving, "done=false");
        check(&[5], "5 healthy", SETTLED, "done=true");
        // DNS goes back and forth.
        check(&[4], "4 healthy, 5 healthy", leaving, "10.0.0.5 lead to it no longer; looking once more");
        // A fail-back to an address that is going.
        check(&[4], "4 draining, 5 healthy", "", "register 4");
        // Both addresses of a name.
        check(&[4, 5], "4 healthy", "", "register 5");
        check(&[5], "4 healthy, 5 unhealthy", leaving, "is not healthy");
    }

    #[test]
    fn what_others_registered_is_left_and_a_stray_address_never_registered() {
        check(&[4], "4 healthy, 4:5433 healthy, 9:5433 unhealthy", SETTLED, "done=true");
        for (addresses, part) in [(vec![], "leads to no address"), (vec![4, 200], "leads to 10.0.0.200")] {
            check(&addresses, "4 healthy", "", &format!("done=false the name of DB instance orders {part}"));
            check(&addresses, "4 healthy", "refused twice", part);
        }
    }

    proptest! {
        // Invariant: a target goes only while another in its group is healthy.
        #[test]
        fn no_group_is_ever_emptied(
            addresses in prop::collection::btree_set(1_u32..6, 0..3),
            ids in prop::collection::btree_map(1_u32..6, prop::sample::select(vec!["initial", "healthy", "unhealthy", "draining"]), 0..5),
            saw in any::<bool>(),
        ) {
            let text: Vec<String> = ids.iter().map(|(id, state)| format!("{id} {state}")).collect();
            let (addresses, seen) = (Vec::from_iter(addresses), targets(&text.join(", ")));
            let status = saw.then(|| {
                let old = seen.iter().filter(|it| it.health != Health::Draining);
                let old = old.filter(|it| !addresses.iter().any(|address| it.id == format!("10.0.0.{address}")));
                format!("{} lead to it no longer", old.map(|it| it.id.clone()).collect::<Vec<_>>().join(", "))
            });
            if let Ok(Act::Deregister(gone)) = decide(&addresses, &seen, &Waiting { looks: 1, status, ..Waiting::default() }) {
                let stays = |it: &&TargetSeen| it.health == Health::Healthy && !gone.contains(&it.id);
                prop_assert!(seen.iter().any(|it| stays(&it)), "{seen:?} loses {gone:?}");
            }
        }
    }
}
